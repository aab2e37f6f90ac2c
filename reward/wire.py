"""What both ends of the wire know: addresses, limits, and texts and pictures as they are sent."""

from __future__ import annotations

from typing import Any

from judge.media import load_image
from judge.types import Image

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8471
"""TRL's own vLLM server takes 8000."""
DEFAULT_URL = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
DEFAULT_DEADLINE_S = 300.0
"""Time for all samples of one call, in seconds; well below ``ddp_timeout`` (1800 s)."""
MAX_SAMPLES = 1024
"""Most samples in one request."""


class Pictures:
    """Loads pictures, each source once: a GRPO group repeats the same object.

    Sources are told apart by identity; they are kept, so that none can take another's.
    """

    def __init__(self) -> None:
        self._loaded: dict[int | str, tuple[Any, Image]] = {}

    def load(self, source: Any) -> Image:
        """The checked picture.

        Raises:
            MediaError: as :func:`judge.load_image`.
        """
        key = source if isinstance(source, str) else id(source)
        if key not in self._loaded:
            self._loaded[key] = (source, load_image(source))
        return self._loaded[key][1]


def encodable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, made question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
