"""From samples as they were sent to requests that a judge takes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

from judge import (
    Image,
    JudgeRequest,
    MediaError,
    Reason,
    RequestError,
    Rubric,
    Unjudged,
    load_image,
    request_from_row,
)
from reward.server.media_store import MediaStore
from reward.server.schemas import SampleIn

_HASH = re.compile(r"sha256:([0-9a-f]{64})")
# What load_image reads as a data URI. Anything else it would read as a path of this machine.
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]*", re.ASCII)


class MissingMediaError(Exception):
    """Pictures that were referred to and are not in the store; ``hashes`` are theirs, sorted."""

    def __init__(self, hashes: list[str]) -> None:
        super().__init__(f"{len(hashes)} pictures are not stored here")
        self.hashes = hashes


async def to_requests(
    samples: Sequence[SampleIn], rubric: Rubric, media: MediaStore
) -> list[JudgeRequest | Unjudged]:
    """One request a sample, or why it cannot be judged.

    Raises:
        MissingMediaError: the client has to upload pictures first.
    """
    images = await load_pictures((name for sample in samples for name in sample.images), media)
    return [_to_request(sample, rubric, images) for sample in samples]


async def load_pictures(names: Iterable[str], media: MediaStore) -> dict[str, Image | MediaError]:
    """The pictures that samples name, each loaded once, or what is wrong with it.

    Raises:
        MissingMediaError: the client has to upload pictures first.
    """
    references = dict.fromkeys(names)
    stored = {name: _HASH.fullmatch(name) for name in references}
    found = {name: media.get(match[1]) for name, match in stored.items() if match}
    missing = sorted(name.removeprefix("sha256:") for name, image in found.items() if image is None)
    if missing:
        raise MissingMediaError(missing)
    images: dict[str, Image | MediaError] = {name: image for name, image in found.items() if image}
    for name in references:
        if name not in images:
            images[name] = await _from_data_uri(name)
    return images


async def _from_data_uri(name: str) -> Image | MediaError:
    if not _DATA_URI.fullmatch(name):
        return MediaError(
            f"{name[:80]!r} is not a picture this server takes: upload it with PUT "
            "/v1/media/{sha256} and refer to it as 'sha256:…', or send a "
            "'data:image/…;base64,' URI; paths and network addresses are refused"
        )
    try:
        return await asyncio.to_thread(load_image, name)
    except MediaError as error:
        return error


def _to_request(
    sample: SampleIn, rubric: Rubric, images: Mapping[str, Image | MediaError]
) -> JudgeRequest | Unjudged:
    row = sample.model_dump(include={"prompt", "completion", "molecule", "reference"})
    try:
        pictures = chosen_pictures(sample.images, images)
        return request_from_row({**row, "id": sample.id or "", "images": pictures}, rubric)
    except RequestError as error:
        return Unjudged(Reason.BAD_REQUEST, str(error))


def chosen_pictures(names: Sequence[str], images: Mapping[str, Image | MediaError]) -> list[Image]:
    """The pictures of these names.

    Raises:
        MediaError: one of them cannot be read.
    """
    chosen = []
    for name in names:
        image = images[name]
        if isinstance(image, MediaError):
            raise image
        chosen.append(image)
    return chosen
