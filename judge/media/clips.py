"""What every kind of video is read into, and the limits on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image as Pillow

from judge.errors import MediaError

MAX_SECONDS = 600
"""Longest video."""
MAX_PIXELS = 4096 * 2304
"""Most pixels of one frame before it is decoded."""
MAX_PIXELS_IN_ALL = 600 * 30 * 1920 * 1080
"""Most pixels decoded of one video: ten minutes of 1080p at 30 frames a second."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A video that can be decoded.

    ``times`` tells when each frame is shown, in seconds from the first one on, ascending, and
    ``seconds`` when the last one ends. ``frames`` decodes those at ascending places, one after
    another, each in RGB; a place may repeat.
    """

    times: tuple[float, ...]
    seconds: float
    frames: Callable[[Sequence[int]], Iterator[Pillow.Image]]


def check_frame(width: int, height: int, name: str) -> None:
    """Whether frames of that size may be decoded.

    Raises:
        MediaError: they may not.
    """
    if width < 1 or height < 1:
        raise MediaError(f"{name} has frames of {width}x{height} pixels: there is nothing to see")
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{name} has frames of {width}x{height} pixels; the limit is {MAX_PIXELS} in all"
        )


def check_length(frames: int, seconds: float, pixels: int, name: str) -> None:
    """Whether a video with so many frames, seconds and pixels a frame may be decoded.

    Raises:
        MediaError: it may not.
    """
    if frames < 1:
        raise MediaError(f"{name} has no frame that can be decoded")
    if seconds > MAX_SECONDS:
        raise MediaError(f"{name} lasts {seconds:.0f} s; the limit is {MAX_SECONDS} s")
    if frames * pixels > MAX_PIXELS_IN_ALL:
        raise MediaError(
            f"{name} has {frames} frames of {pixels} pixels; "
            f"the limit is {MAX_PIXELS_IN_ALL} pixels in all"
        )
