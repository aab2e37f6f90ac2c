"""Rows as they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.errors import RequestError
from judge.rows import MediaSource, Row, RowCandidate, read_row
from judge.types import Image
from reward.wire import Pictures, encodable

Sample = Mapping[str, Any]
"""A row with the columns of :func:`judge.request_from_row`."""


@dataclass(frozen=True, slots=True)
class WireSample:
    """A sample as it is sent: its JSON fields, and the pictures that these name by hash."""

    fields: dict[str, Any]
    images: tuple[Image, ...] = ()


Encode = Callable[[Sample, Pictures], WireSample]


def encode_all(rows: Sequence[Sample], encode: Encode) -> list[WireSample | str]:
    """Each row as it is sent, or what is wrong with it."""
    pictures = Pictures()
    encoded: list[WireSample | str] = []
    for row in rows:
        try:
            encoded.append(encode(row, pictures))
        except RequestError as error:
            encoded.append(str(error))
    return encoded


def encode_sample(row: Sample, pictures: Pictures) -> WireSample:
    """A row of one candidate, as ``/v1/rewards`` and ``/v1/groups`` take it.

    Args:
        row: columns as :func:`judge.request_from_row` takes them; others are left alone.
        pictures: loads the row's pictures.

    Raises:
        RequestError: a column of another shape, or a picture that cannot be read.
    """
    read = read_row(row)
    if len(read.candidates) != 1:
        raise RequestError(f"a reward is of one candidate, got {len(read.candidates)}")
    (candidate,) = read.candidates
    if candidate.media:
        raise RequestError(f"a reward server takes no {candidate.media[0].column!r} here")
    shown = _load(read.media, pictures)
    fields = {**_question(read, shown), **_answer(candidate)}
    return WireSample(fields, shown)


def encode_comparison(row: Sample, pictures: Pictures) -> WireSample:
    """A row of any number of candidates, as ``/v1/judgements`` takes it.

    Args:
        row, pictures: as :func:`encode_sample`.

    Raises:
        RequestError: as :func:`encode_sample`.
    """
    read = read_row(row)
    shown = _load(read.media, pictures)
    images = list(shown)
    candidates = []
    for candidate in read.candidates:
        own = _load(candidate.media, pictures)
        candidates.append({**_answer(candidate), **_named(own)})
        images += own
    fields = {**_question(read, shown), "candidates": candidates, "protocol": read.protocol}
    return WireSample(fields, tuple(images))


def _question(read: Row, shown: Sequence[Image]) -> dict[str, Any]:
    texts = {"id": read.id or None, "prompt": read.prompt, "reference": read.reference}
    return {**_texts(texts), **_named(shown)}


def _answer(candidate: RowCandidate) -> dict[str, Any]:
    return _texts({"completion": candidate.text, "molecule": candidate.molecule})


def _texts(texts: Mapping[str, str | None]) -> dict[str, Any]:
    return {name: encodable(text) for name, text in texts.items() if text is not None}


def _named(images: Sequence[Image]) -> dict[str, Any]:
    return {"images": [f"sha256:{image.sha256}" for image in images]} if images else {}


def _load(sources: Sequence[MediaSource], pictures: Pictures) -> tuple[Image, ...]:
    for source in sources:
        if source.kind != "image":
            raise RequestError(
                f"a reward server takes no {source.column!r}; use judge.Judge in this process"
            )
    return tuple(pictures.load(source.source) for source in sources)
