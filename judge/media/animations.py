"""Animated pictures (GIF, WebP, PNG) as videos, read by Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image as Pillow

from judge.errors import MediaError
from judge.media.clips import Clip, check_frame, check_length
from judge.media.images import reading
from judge.media.sources import MediaFile

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS_IN_ALL = 1_000_000_000
"""Most pixels of all frames together: Pillow is slower than a video's decoder."""

_FORMATS = ("GIF", "WEBP", "PNG")
_SHORTEST = 0.02
_INSTEAD = 0.1
"""Seconds of a frame that states less than ``_SHORTEST``, as browsers have it."""


def is_animation(data: bytes) -> bool:
    """Whether a file is of a format that Pillow animates."""
    return data.startswith((b"GIF8", b"\x89PNG")) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")


def read_animation(file: MediaFile) -> Clip:
    """The animation in a file; a still picture is a video of one frame.

    Raises:
        MediaError: damaged, or over a limit.
    """
    if len(file.data) > MAX_BYTES:
        raise MediaError(
            f"{file.name} has {len(file.data)} bytes; "
            f"the limit of an animated picture is {MAX_BYTES}"
        )
    times: list[float] = []
    end = 0.0
    with reading(file.name), _open(file) as picture:
        check_frame(picture.width, picture.height, file.name)
        pixels = picture.width * picture.height
        for place in range(getattr(picture, "n_frames", 1)):
            picture.seek(place)
            picture.load()
            times.append(end)
            stated = float(picture.info.get("duration", 0)) / 1000
            end += stated if stated >= _SHORTEST else _INSTEAD
            check_length(len(times), end, pixels, file.name)
            if len(times) * pixels > MAX_PIXELS_IN_ALL:
                raise MediaError(
                    f"{file.name} has over {MAX_PIXELS_IN_ALL} pixels in all its frames; "
                    "give it as a video, or shrink it"
                )

    def frames(places: Sequence[int]) -> Iterator[Pillow.Image]:
        with reading(file.name), _open(file) as picture:
            for place in places:
                picture.seek(place)
                yield _flat(picture)

    return Clip(tuple(times), end, frames)


def _open(file: MediaFile) -> Any:
    """Pillow's picture; its type does not name what only animated formats have."""
    return Pillow.open(io.BytesIO(file.data), formats=_FORMATS)


def _flat(picture: Pillow.Image) -> Pillow.Image:
    """The frame in RGB, what is transparent on white."""
    frame = picture.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", frame.size, "white"), frame).convert("RGB")
