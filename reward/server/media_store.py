"""Uploaded pictures, kept in memory by their hash."""

from __future__ import annotations

from collections import OrderedDict

from judge.errors import MediaError
from judge.types import Image


class MediaStore:
    """The pictures used last, up to ``max_bytes`` of encoded data in all."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._bytes = 0

    def put(self, sha256: str, image: Image) -> None:
        """Keeps a picture under the hash of what was uploaded, which a re-encoding changes.

        Raises:
            MediaError: it alone is larger than the store.
        """
        size = len(image.data)
        if size > self.max_bytes:
            raise MediaError(f"the picture has {size} bytes; the store holds {self.max_bytes}")
        replaced = self._images.pop(sha256, None)
        self._bytes += size - (len(replaced.data) if replaced else 0)
        self._images[sha256] = image
        while self._bytes > self.max_bytes:
            _, oldest = self._images.popitem(last=False)
            self._bytes -= len(oldest.data)

    def get(self, sha256: str) -> Image | None:
        image = self._images.get(sha256)
        if image is not None:
            self._images.move_to_end(sha256)
        return image
