"""Pictures: loaded, checked, and brought to a plain form that every engine takes."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from judge.errors import MediaError
from judge.types import Image

MAX_BYTES = 20 * 1024 * 1024
"""Largest encoded picture read, in bytes."""
MAX_PIXELS = 40_000_000
"""Most pixels a picture may have before it is decoded."""

ImageSource = Image | Pillow.Image | bytes | str | Path | Mapping[str, object]
"""A picture as callers have it: see :func:`load_image`."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are read; of an animation, the first frame."""

_ORIENTATION = 0x0112  # EXIF tag
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,(?P<data>.*)", re.DOTALL)


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
    if isinstance(source, Mapping):
        data, path = source.get("bytes"), source.get("path")
        if isinstance(data, bytes):
            return _from_bytes(data)
        if isinstance(path, str):
            return load_image(path)
        raise MediaError(f"an image row needs 'bytes' or 'path', got the keys {list(source)}")
    if isinstance(source, bytes):
        return _from_bytes(source)
    if isinstance(source, str):
        uri = _DATA_URI.fullmatch(source)
        if uri:
            return _from_bytes(_decode_base64(uri["data"]))
        if "://" in source[:16]:
            raise MediaError(
                f"{source[:80]!r} is a network address; "
                "download the picture and give its path or bytes"
            )
    if not isinstance(source, str | Path):
        raise MediaError(
            "an image is a path, a data URI, bytes, a PIL image or a row with bytes or path, "
            f"got {type(source).__name__}"
        )
    return _from_file(Path(source))


def open_pixels(image: Image) -> Pillow.Image:
    """The picture decoded, in RGB; the last few are kept, as a GRPO group shares one."""
    return _open_pixels(image.sha256, image)


def data_uri(image: Image) -> str:
    """The picture as a ``data:`` URI, as :func:`load_image` reads it."""
    kind = "jpeg" if image.data.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image.data).decode()}"


@lru_cache(maxsize=64)
def _open_pixels(sha256: str, image: Image) -> Pillow.Image:
    return Pillow.open(io.BytesIO(image.data)).convert("RGB")


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii's own error is one
        raise MediaError(f"the data URI does not hold base64: {error}") from error


def _from_file(path: Path) -> Image:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MediaError(f"{path} has {path.stat().st_size} bytes; the limit is {MAX_BYTES}")
        return _from_bytes(path.read_bytes(), str(path))
    except (OSError, ValueError) as error:
        raise MediaError(f"no picture can be read at {str(path)[:200]!r}: {error}") from error


def _from_bytes(data: bytes, name: str = "the picture") -> Image:
    if len(data) > MAX_BYTES:
        raise MediaError(f"{name} has {len(data)} bytes; the limit is {MAX_BYTES}")
    with _reading(name), Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(picture, name)
        picture.load()
        is_plain = picture.mode == "RGB" and "transparency" not in picture.info
        is_upright = picture.getexif().get(_ORIENTATION, 1) == 1
        if is_plain and is_upright and picture.format in {"PNG", "JPEG"}:
            return _image(data, picture)
        return _from_pillow(picture, name)


def _from_pillow(picture: Pillow.Image, name: str) -> Image:
    with _reading(name):
        _check_size(picture, name)
        rgb = _to_rgb(ImageOps.exif_transpose(picture))
        file = io.BytesIO()
        rgb.save(file, "PNG", compress_level=1)
        return _image(file.getvalue(), rgb)


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Pillow.new("RGBA", picture.size, "white")
        picture = Pillow.alpha_composite(ground, picture)
    elif picture.mode.startswith("I"):  # 16 bits of grey, which Pillow clips instead of scaling
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return picture.convert("RGB")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turns what Pillow raises on damaged or hostile files into MediaError."""
    try:
        yield
    except MediaError:
        raise
    except (
        UnidentifiedImageError,
        Pillow.DecompressionBombError,
        Pillow.DecompressionBombWarning,
        NotImplementedError,
        OSError,
        struct.error,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        raise MediaError(
            f"{name} cannot be read as one of {', '.join(FORMATS)}: {error}"
        ) from error


def _check_size(picture: Pillow.Image, name: str) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise MediaError(
            f"{name} has {picture.width}x{picture.height} pixels; the limit is {MAX_PIXELS} in all"
        )


def _image(data: bytes, picture: Pillow.Image) -> Image:
    return Image(data, hashlib.sha256(data).hexdigest(), picture.width, picture.height)
