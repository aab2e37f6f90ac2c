"""From what callers hold (a path, a data URI, bytes, a dataset's row) to the bytes of a file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from judge.errors import MediaError

FileSource = bytes | str | Path | Mapping[str, object]
"""A path, a ``data:`` URI, the bytes of a file, or a row of a Hugging Face column that was not
decoded (``{"bytes": …, "path": …}``)."""

_DATA_URI = re.compile(r"data:(?P<kind>\w+)/[\w.+-]+;base64,(?P<data>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An encoded file; ``name`` is how messages speak of it."""

    data: bytes = field(repr=False)
    name: str


def read_file(source: object, kind: str, noun: str, max_bytes: int) -> MediaFile:
    """The file in a :data:`FileSource`.

    Args:
        source: what the caller gave.
        kind: what a data URI has to hold: ``"image"``, ``"video"`` or ``"audio"``.
        noun: the word for it in messages, e.g. ``"picture"``.
        max_bytes: most bytes of the file.

    Raises:
        MediaError: no such source or no such file, over the limit, or an address on the network,
            which is never fetched.
    """
    if isinstance(source, Mapping):
        data, path = source.get("bytes"), source.get("path")
        if not isinstance(data, bytes) and not isinstance(path, str):
            raise MediaError(
                f"a row with a {noun} needs 'bytes' or 'path', got the keys {list(source)}"
            )
        source = data if isinstance(data, bytes) else path
    if isinstance(source, str):
        uri = _DATA_URI.fullmatch(source)
        if uri and uri["kind"] != kind:
            raise MediaError(f"expected a {noun}, got a data URI of type {uri['kind']!r}")
        if uri:
            return _checked(MediaFile(_decode_base64(uri["data"]), f"the {noun}"), max_bytes)
        if "://" in source[:16]:
            raise MediaError(
                f"{source[:80]!r} is a network address; "
                f"download the {noun} and give its path or bytes"
            )
    if isinstance(source, bytes):
        return _checked(MediaFile(source, f"the {noun}"), max_bytes)
    if isinstance(source, str | Path):
        return _read_path(Path(source), noun, max_bytes)
    raise MediaError(
        f"a {noun} is a path, a data URI, bytes or a row with bytes or path, "
        f"got {type(source).__name__}"
    )


def _read_path(path: Path, noun: str, max_bytes: int) -> MediaFile:
    try:
        if not path.is_file():  # a device or a pipe could be read for ever
            raise MediaError(f"no {noun} can be read at {str(path)[:200]!r}: not a file")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise MediaError(f"no {noun} can be read at {str(path)[:200]!r}: {error}") from error
    if len(data) > max_bytes:
        raise MediaError(f"{path} has {size} bytes; the limit is {max_bytes}")
    return MediaFile(data, str(path))


def _checked(file: MediaFile, max_bytes: int) -> MediaFile:
    if len(file.data) > max_bytes:
        raise MediaError(f"{file.name} has {len(file.data)} bytes; the limit is {max_bytes}")
    return file


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii's own error is one
        raise MediaError(f"the data URI does not hold base64: {error}") from error
