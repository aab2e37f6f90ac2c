"""Pictures: loaded, checked, and brought to a plain form that every engine takes."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from judge.errors import MediaError
from judge.media.cache import ByteCache
from judge.media.sources import FileSource, read_file
from judge.types import Image

MAX_BYTES = 20 * 1024 * 1024
"""Largest encoded picture read, in bytes."""
MAX_PIXELS = 40_000_000
"""Most pixels a picture may have before it is decoded."""
MAX_RATIO = 200
"""Longest side over shortest; Qwen's vision encoders take no longer strips."""
CACHE_BYTES = 256 * 1024 * 1024
"""Most bytes of decoded pictures that are kept."""

ImageSource = Image | Pillow.Image | FileSource
"""A picture as callers have it: see :func:`load_image`."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are read; of an animation, the first frame."""

_ORIENTATION = 0x0112  # EXIF tag


def load_image(source: ImageSource) -> Image:
    """A checked picture in RGB, upright.

    Args:
        source: a path, a ``data:image/…;base64,`` URI, encoded bytes, a PIL picture, a picture
            already loaded, or a row of a Hugging Face image column that was not decoded
            (``{"bytes": …, "path": …}``). Addresses on the network are refused.

    Raises:
        MediaError: not a picture, damaged, or over a limit.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, Pillow.Image):
        return _from_pillow(source, "the picture")
    file = read_file(source, "image", "picture", MAX_BYTES)
    return _from_bytes(file.data, file.name)


def open_pixels(image: Image) -> Pillow.Image:
    """The picture decoded, in RGB; the last ones are kept, as a GRPO group shares one.

    It belongs to the cache: do not change it.
    """
    return _PIXELS.get(
        image.sha256, lambda: Pillow.open(io.BytesIO(image.data), formats=FORMATS).convert("RGB")
    )


_PIXELS = ByteCache[Pillow.Image](CACHE_BYTES, lambda picture: 3 * picture.width * picture.height)


def _from_bytes(data: bytes, name: str) -> Image:
    with reading(name), Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
        check_size(picture.size, name)
        picture.load()
        is_plain = picture.mode == "RGB" and "transparency" not in picture.info
        is_upright = picture.getexif().get(_ORIENTATION, 1) == 1
        if is_plain and is_upright and picture.format in {"PNG", "JPEG"}:
            return _image(data, picture)
        return _from_pillow(picture, name)


def _from_pillow(picture: Pillow.Image, name: str) -> Image:
    with reading(name):
        check_size(picture.size, name)
        rgb = _to_rgb(ImageOps.exif_transpose(picture), name)
        file = io.BytesIO()
        rgb.save(file, "PNG", compress_level=1)
        return _image(file.getvalue(), rgb)


def _to_rgb(picture: Pillow.Image, name: str) -> Pillow.Image:
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Pillow.new("RGBA", picture.size, "white")
        picture = Pillow.alpha_composite(ground, picture)
    elif picture.mode.startswith("I;16"):  # 16 bits of grey, which Pillow clips instead of scaling
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif picture.mode in {"I", "F"}:
        raise MediaError(
            f"{name} has 32 bits a pixel ({picture.mode!r}), of which no one can tell what is "
            "white; give 8 or 16 bits"
        )
    return picture.convert("RGB")


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns what Pillow raises on damaged or hostile files into MediaError."""
    try:
        yield
    except MediaError:
        raise
    except (
        UnidentifiedImageError,
        Pillow.DecompressionBombError,
        Pillow.DecompressionBombWarning,
        EOFError,
        IndexError,
        MemoryError,
        NotImplementedError,
        OSError,
        OverflowError,
        struct.error,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        raise MediaError(
            f"{name} cannot be read as one of {', '.join(FORMATS)}: {error}"
        ) from error


def check_size(size: tuple[int, int], name: str) -> None:
    """Whether a picture of that width and height, in pixels, is one that can be judged.

    Raises:
        MediaError: it has no pixels, too many, or is too long a strip.
    """
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(f"{name} has {width}x{height} pixels: there is nothing to see")
    if width * height > MAX_PIXELS:
        raise MediaError(f"{name} has {width}x{height} pixels; the limit is {MAX_PIXELS} in all")
    if max(size) > MAX_RATIO * min(size):
        raise MediaError(
            f"{name} has {width}x{height} pixels; one side may be {MAX_RATIO} times the other at "
            "most: cut it into pieces"
        )


def _image(data: bytes, picture: Pillow.Image) -> Image:
    return Image(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height)
