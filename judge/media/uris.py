"""Media as ``data:`` URIs, for servers that take them."""

from __future__ import annotations

import base64

from judge.media.audio import wav_bytes
from judge.types import Audio, Image


def data_uri(media: Image | Audio) -> str:
    """The picture or recording as a ``data:`` URI, as :mod:`judge.media` reads it back.

    A recording is a 16-bit WAV file in it.
    """
    if isinstance(media, Audio):
        return f"data:audio/wav;base64,{base64.b64encode(wav_bytes(media)).decode()}"
    kind = "jpeg" if media.data.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(media.data).decode()}"
