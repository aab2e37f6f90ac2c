"""The pictures that samples name: uploaded, sent along, fetched, or read from a folder."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image as Pillow

from judge import Image, MediaError, Reason, Unjudged, load_image
from judge.media.images import FORMATS, reading
from judge.media.sources import read_file
from reward.server.config import ServerConfig
from reward.server.media_store import MediaStore
from reward.server.paths import LocalPictures
from reward.server.remote_media import FetchError, RemotePictures

_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]*", re.ASCII)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_DECODED_AT_ONCE = 4
"""A picture of the most pixels takes hundreds of megabytes while it is checked."""
_FETCHED_AT_ONCE = 16


class MissingMediaError(Exception):
    """Pictures that were referred to and are not in the store; ``hashes`` are theirs, sorted."""

    def __init__(self, hashes: list[str]) -> None:
        super().__init__(f"{len(hashes)} pictures are not stored here")
        self.hashes = hashes


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Of one picture: encoded bytes, and pixels, which are looked at before it is decoded."""

    max_bytes: int
    max_pixels: int


class Pictures:
    """Finds pictures by the names that requests have for them.

    ``sha256:<hex>`` of an uploaded one and ``data:image/…;base64,`` are always taken. Addresses and
    absolute paths are where the settings name hosts and folders.

    Raises:
        ServerConfigError: a host or a folder in the settings is none.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.limits = PictureLimits(config.image_bytes, config.image_pixels)
        self.store = MediaStore(config.media_bytes)
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        self._fetching = asyncio.Semaphore(_FETCHED_AT_ONCE)
        self._remote = self._local = None
        if config.image_hosts or config.private_image_hosts:
            self._remote = RemotePictures(
                config.image_hosts,
                config.private_image_hosts,
                max_bytes=config.image_bytes,
                timeout_s=config.image_fetch_s,
            )
        if config.image_roots:
            self._local = LocalPictures(config.image_roots, config.image_bytes)

    async def find(self, names: Iterable[str], deadline: float) -> dict[str, Image | Unjudged]:
        """The picture of each name, or why it cannot be seen. Each is loaded once.

        Args:
            names: as they stand in requests.
            deadline: on the event loop's clock, in seconds; what is not there by then is unjudged.

        Raises:
            MissingMediaError: the client has to upload pictures first.
        """
        found: dict[str, Image | Unjudged] = {}
        missing, others = [], []
        for name in dict.fromkeys(names):
            match = _HASH.fullmatch(name)
            image = self.store.get(match[1]) if match else None
            if image is not None:
                found[name] = image
            elif match:
                missing.append(match[1])
            else:
                others.append(name)
        if missing:
            raise MissingMediaError(sorted(missing))
        loaded = await asyncio.gather(*(self._load(name, deadline) for name in others))
        return {**found, **dict(zip(others, loaded, strict=True))}

    async def check(self, data: bytes) -> Image:
        """The picture in a file.

        Raises:
            MediaError: it holds none, or one over a limit.
        """
        async with self._decoding:
            return await asyncio.to_thread(_open, data, self.limits)

    async def _load(self, name: str, deadline: float) -> Image | Unjudged:
        try:
            async with asyncio.timeout_at(deadline):
                if _ADDRESS.match(name) and self._remote is not None:
                    async with self._fetching:
                        return await self.check(await self._remote.fetch(name))
                async with self._decoding:
                    return await asyncio.to_thread(self._read, name)
        except MediaError as error:
            return Unjudged(Reason.BAD_REQUEST, str(error))
        except FetchError as error:
            return Unjudged(Reason.SERVER_ERROR, str(error))
        except TimeoutError:
            return Unjudged(Reason.DEADLINE, f"{name[:80]!r} was not loaded within deadline_s")

    def _read(self, name: str) -> Image:
        """A picture that was sent along, or is on this machine."""
        if _DATA_URI.fullmatch(name):
            file = read_file(name, "image", "picture", self.limits.max_bytes)
            return _open(file.data, self.limits)
        if name.startswith("/") and self._local is not None:
            return _open(self._local.read(name), self.limits)
        raise MediaError(
            f"{name[:80]!r} is not a picture this server takes: upload it with PUT "
            "/v1/media/{sha256} and refer to it as 'sha256:…', or send a "
            "'data:image/…;base64,' URI; addresses and absolute paths are taken where the server "
            "was started with --image-host or --image-root"
        )


def _open(data: bytes, limits: PictureLimits) -> Image:
    if len(data) > limits.max_bytes:
        raise MediaError(f"the picture has {len(data)} bytes; the limit is {limits.max_bytes}")
    with reading("the picture"), Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
        width, height = picture.size  # Pillow has read no more than the head
    if width * height > limits.max_pixels:
        raise MediaError(
            f"the picture has {width}x{height} pixels; the limit is {limits.max_pixels} in all"
        )
    return load_image(data)
