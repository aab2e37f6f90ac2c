"""From the columns of a batch to rows, and the groups that its samples belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

from judge.errors import RequestError
from judge.messages import message_text
from judge.rows import picture_sources
from judge.types import Image
from reward.adapters.core import Row
from reward.types import Reward
from reward.wire import Pictures

Group = tuple[str, tuple[str, ...]]
"""What the completions of one prompt share: its text, and the hashes of its pictures."""


def load_pictures(rows: Sequence[Row]) -> None:
    """Loads the rows' pictures, each once however often it repeats.

    What is wrong with a row, the client will find and say of that sample alone.
    """
    pictures = Pictures()
    for row in rows:
        with suppress(RequestError):
            row["images"] = [pictures.load(source) for source in picture_sources(row)]


def pictures_in(prompt: Any) -> list[Any]:
    """The pictures inside chat messages, where TRL puts them for a model that sees."""
    if isinstance(prompt, str):
        return []
    return [
        part["image"]
        for turn in prompt
        if isinstance(turn.get("content"), list)
        for part in turn["content"]
        if part.get("type") == "image" and part.get("image") is not None
    ]


def group_of(prompt: Any, row: Mapping[str, Any]) -> Group:
    """The group of a sample whose pictures are loaded."""
    return message_text(prompt, "prompt"), _identities(row.get("images"))


def zero_variance_rate(groups: Sequence[Group], rewards: Sequence[Reward]) -> float | None:
    """The share of groups that teach nothing, as all their rewards are equal.

    A group is a run of samples of equal ``groups``. Counted are those with at least two judged
    samples; None where there is none.
    """
    equal = []
    for _, run in groupby(zip(groups, rewards, strict=True), key=itemgetter(0)):
        values = [reward.value for _, reward in run if reward.value is not None]
        if len(values) > 1:
            equal.append(len(set(values)) == 1)
    return sum(equal) / len(equal) if equal else None


def _identities(pictures: Any) -> tuple[str, ...]:
    """What tells pictures from others: their hashes, or themselves where they were not loaded."""
    if not isinstance(pictures, list):
        return (str(id(pictures)),)
    return tuple(
        picture.sha256 if isinstance(picture, Image) else str(id(picture)) for picture in pictures
    )
