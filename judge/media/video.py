"""Videos: frames sampled at a stated rate, capped in number and size."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PIL import Image as Pillow

from judge.errors import MediaError
from judge.media.animations import is_animation, read_animation
from judge.media.cache import ByteCache
from judge.media.clips import Clip
from judge.media.images import ImageSource, load_image, open_pixels
from judge.media.movies import read_movie
from judge.media.sources import FileSource, read_file
from judge.types import Image, Video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 256 * 1024 * 1024
"""Largest encoded video read, in bytes."""
FPS = 1.0
MAX_FRAMES = 64
MAX_FRAME_PIXELS = 224 * 224
"""Flex-Judge looks at videos at 1 frame a second and 224 pixels (arXiv 2505.18601)."""

CACHE_BYTES = 128 * 1024 * 1024
"""Most bytes of loaded videos that are kept: decoding takes long, and a GRPO group shares one."""

VideoSource = Video | FileSource | Sequence[ImageSource]
"""A video as callers have it: see :func:`load_video`."""


def load_video(
    source: VideoSource,
    *,
    fps: float = FPS,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_FRAME_PIXELS,
) -> Video:
    """A checked video: frames at even times from the first on, in RGB.

    Args:
        source: a path, a ``data:video/…;base64,`` URI, encoded bytes, a video already loaded, a row
            of a Hugging Face video column that was not decoded (``{"bytes": …, "path": …}``), or
            pictures of one size in order, of which all are kept up to ``max_frames``. MP4, MOV,
            WebM, Matroska and AVI are read, and animated GIF, WebP and PNG. Addresses on the
            network are refused.
        fps: frames kept a second, above 0; of pictures, how many of them are a second. A source
            that has fewer, or would give more than ``max_frames``, keeps fewer a second: the
            result's ``fps`` tells.
        max_frames: most frames kept, 1 or more.
        max_pixels: most pixels of a frame; larger ones are shrunk to it.

    Raises:
        MediaError: not a video, damaged, cut short, or over a limit.
        MissingExtraError: OpenCV, which reads films, is not installed.
        ValueError: a setting is out of its range.
    """
    if not (math.isfinite(fps) and fps > 0 and max_frames > 0 and max_pixels > 0):
        raise ValueError(
            "fps, max_frames and max_pixels have to be above 0, "
            f"got {fps}, {max_frames} and {max_pixels}"
        )
    if isinstance(source, Video):
        return source
    if isinstance(source, Sequence) and not isinstance(source, str | bytes | bytearray):
        return _sampled(_from_pictures(source, fps), fps, max_frames, max_pixels)
    file = read_file(source, "video", "video", MAX_BYTES)

    def decode() -> Video:
        clip = read_animation(file) if is_animation(file.data) else read_movie(file)
        return _sampled(clip, fps, max_frames, max_pixels)

    digest = hashlib.sha256(file.data).hexdigest()
    return _VIDEOS.get(f"{digest}/{fps}/{max_frames}/{max_pixels}", decode)


_VIDEOS = ByteCache[Video](
    CACHE_BYTES, lambda video: sum(len(frame.data) for frame in video.frames)
)


def open_frames(video: Video) -> NDArray[np.uint8]:
    """The frames decoded, of shape (frames, height, width, 3)."""
    import numpy as np

    return np.stack([np.asarray(open_pixels(frame)) for frame in video.frames])


def sample(
    times: Sequence[float], seconds: float, fps: float, max_frames: int
) -> tuple[list[int], float]:
    """Which frames of a video to keep, and how many a second those are.

    Args:
        times: when each frame is shown, in seconds from the first one, ascending.
        seconds: when the last one ends.
        fps: frames wanted a second.
        max_frames: most frames wanted.
    """
    rate = min(fps, len(times) / seconds, max_frames / seconds)
    count = max(1, math.ceil(seconds * rate - 1e-6))
    return [bisect_right(times, place / rate + 1e-6) - 1 for place in range(count)], rate


def _sampled(clip: Clip, fps: float, max_frames: int, max_pixels: int) -> Video:
    places, rate = sample(clip.times, clip.seconds, fps, max_frames)
    return _video((_shrunk(frame, max_pixels) for frame in clip.frames(places)), rate)


def _from_pictures(pictures: Sequence[ImageSource], fps: float) -> Clip:
    if not pictures:
        raise MediaError("a video of no pictures: there is nothing to see")
    frames = [load_image(picture) for picture in pictures]
    return Clip(
        times=tuple(place / fps for place in range(len(frames))),
        seconds=len(frames) / fps,
        frames=lambda places: (open_pixels(frames[place]) for place in places),
    )


def _shrunk(frame: Pillow.Image, max_pixels: int) -> Image:
    scale = math.sqrt(max_pixels / (frame.width * frame.height))
    if scale < 1:
        size = (max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
        frame = frame.resize(size, Pillow.Resampling.BICUBIC)
    return load_image(frame)


def _video(frames: Iterable[Image], fps: float) -> Video:
    kept = tuple(frames)
    sizes = {(frame.width, frame.height) for frame in kept}
    if len(sizes) > 1:
        raise MediaError(f"a video's frames have to be of one size, got {sorted(sizes)}")
    digest = hashlib.sha256(repr(fps).encode())
    for frame in kept:
        digest.update(bytes.fromhex(frame.sha256))
    return Video(kept, fps, digest.hexdigest())
