"""Films (MP4, MOV, WebM, Matroska, AVI), read by OpenCV's FFmpeg.

A header is not believed: a film is decoded twice, once for its frames' times and once for frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from tempfile import NamedTemporaryFile
from typing import Any

from PIL import Image as Pillow

from judge.errors import MediaError, MissingExtraError
from judge.media.clips import Clip, check_frame, check_length
from judge.media.sources import MediaFile

MAX_RATE = 1_000
"""Most frames a second that a header may state."""
_PATIENCE = 0.5
"""Seconds (or a tenth of the length, if more) by which a film may end before its header says."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
"""What stands first in MP4 and MOV files, behind four bytes of length."""


def read_movie(file: MediaFile) -> Clip:
    """The film in a file.

    Raises:
        MediaError: not a film, damaged, cut short, or over a limit.
        MissingExtraError: OpenCV is not installed.
    """
    data = file.data
    is_movie = (
        data[4:8] in _BOXES
        or data.startswith(b"\x1a\x45\xdf\xa3")  # Matroska and WebM
        or (data[:4], data[8:11]) == (b"RIFF", b"AVI")
    )
    if not is_movie:  # FFmpeg reads much else: a playlist would make it open files of its choice
        raise MediaError(
            f"{file.name} cannot be read as one of MP4, MOV, WebM, Matroska, AVI, GIF, WebP, PNG: "
            f"it starts with {data[:12]!r}"
        )
    times, seconds = _measure(file)
    return Clip(times, seconds, lambda places: _frames(file, places))


def _measure(file: MediaFile) -> tuple[tuple[float, ...], float]:
    """When each frame is shown, in seconds from the first one on, and when the last one ends."""
    cv2 = _opencv()
    with _opened(file) as capture:
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not (math.isfinite(rate) and 0 < rate <= MAX_RATE):
            raise MediaError(
                f"{file.name} states {rate:g} frames a second; expected above 0 to {MAX_RATE}"
            )
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        check_frame(width, height, file.name)
        stated = capture.get(cv2.CAP_PROP_FRAME_COUNT) / rate
        check_length(1, stated, width * height, file.name)
        shown: list[float] = []
        while capture.grab():
            shown.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            length = max(len(shown) / MAX_RATE, shown[-1] - shown[0])
            check_length(len(shown), length, width * height, file.name)
    check_length(len(shown), 0, width * height, file.name)
    if any(later <= earlier for earlier, later in pairwise(shown)):
        shown = [place / rate for place in range(len(shown))]  # the file has no times of its own
    times = tuple(time - shown[0] for time in shown)
    gap = times[-1] / (len(times) - 1) if len(times) > 1 else 1 / rate
    seconds = times[-1] + gap
    if stated - seconds > max(_PATIENCE, stated / 10):
        raise MediaError(
            f"{file.name} ends after {seconds:.1f} of {stated:.1f} s: it is cut short or damaged"
        )
    check_length(len(times), seconds, width * height, file.name)
    return times, seconds


def _frames(file: MediaFile, places: Sequence[int]) -> Iterator[Pillow.Image]:
    """The frames at these ascending places."""
    cv2 = _opencv()
    position = -1
    with _opened(file) as capture:
        for place in places:
            while position < place:
                if not capture.grab():
                    raise MediaError(f"{file.name} could not be decoded a second time")
                position += 1
            is_read, pixels = capture.retrieve()
            if not is_read:
                raise MediaError(f"frame {place} of {file.name} cannot be decoded")
            check_frame(pixels.shape[1], pixels.shape[0], file.name)
            yield Pillow.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


@contextmanager
def _opened(file: MediaFile) -> Iterator[Any]:
    """An open ``cv2.VideoCapture``; what OpenCV raises becomes MediaError.

    By way of a temporary file: from memory, OpenCV 5.0 crashes the process where a file is damaged.
    """
    cv2 = _opencv()
    with NamedTemporaryFile(prefix="judge-video-") as copy:
        copy.write(file.data)
        copy.flush()
        capture = cv2.VideoCapture(copy.name, cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise MediaError(f"{file.name} cannot be read as a video: damaged, or cut short")
            yield capture
        except cv2.error as error:
            raise MediaError(f"{file.name} cannot be read as a video: {error}") from error
        finally:
            capture.release()


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("opencv-python-headless", "media") from error
    return cv2
