"""A row's prompt, pictures and candidates as a dataset for training holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.errors import RequestError
from judge.media import load_image
from judge.messages import is_messages, message_text
from judge.rows import Row, picture_sources, read_row, with_prompt_apart
from judge.types import Image

Turns = list[dict[str, str]]
"""Chat messages with their ``role`` and ``content``, a text."""
Form = str | Turns
"""A text, or chat messages."""


@dataclass(frozen=True, slots=True)
class RowForm:
    """A row as TRL takes it.

    ``prompt`` and ``completions`` are all texts or all chat messages; ``texts`` are the candidates
    as texts (a molecule's is its SMILES).
    """

    id: str
    prompt: Form
    completions: tuple[Form, ...]
    texts: tuple[str, ...]
    pictures: tuple[Image, ...]


def row_form(columns: Mapping[str, Any], number: int, *, as_chat: bool) -> RowForm:
    """The form of a row that was judged. Its id is its ``id`` column, or else its number from 0.

    Raises:
        RequestError: not the columns of :mod:`judge.rows`.
        MediaError: a picture cannot be read any more.
    """
    read = read_row(columns)
    columns = with_prompt_apart(columns)
    texts = tuple(each.text if each.molecule is None else each.molecule for each in read.candidates)
    given = _given(columns) if _has_texts(columns) else texts
    return RowForm(
        id=read.id or str(number),
        prompt=_form(columns.get("prompt") or "", "user", as_chat=as_chat),
        completions=tuple(_form(each, "assistant", as_chat=as_chat) for each in given),
        texts=texts,
        pictures=tuple(load_image(each) for each in picture_sources(columns)),
    )


def check_texts(row: Row) -> None:
    """Whether the row can be written as TRL has it: texts, molecules, and pictures of the prompt.

    Raises:
        RequestError: it cannot.
    """
    if any(each.media for each in row.candidates):
        raise RequestError(
            "candidates that are pictures have no place in TRL's rows; use flex-judge score"
        )
    if any(each.kind != "image" for each in row.media):
        raise RequestError("TRL's rows hold pictures, and no videos or recordings")


def check_pairs(row: Row) -> None:
    """As :func:`check_texts`, and whether there are two candidates or more.

    Raises:
        RequestError: it is not so.
    """
    if len(row.candidates) < 2:
        raise RequestError(f"a preference takes two candidates or more, got {len(row.candidates)}")
    check_texts(row)


def _has_texts(columns: Mapping[str, Any]) -> bool:
    # A molecule may stand beside a text that only tells of it.
    return columns.get("molecule") is None and columns.get("molecules") is None


def _given(columns: Mapping[str, Any]) -> Sequence[Any]:
    if columns.get("completions") is not None:
        return list(columns["completions"])
    if columns.get("completion") is not None:
        return [columns["completion"]]
    return [columns["chosen"], columns["rejected"]]


def _form(value: Any, role: str, *, as_chat: bool) -> Form:
    if not as_chat:
        return message_text(value, "completion")
    if is_messages(value):
        return [
            {"role": str(turn.get("role", role)), "content": message_text([turn], "completion")}
            for turn in value
        ]
    return [{"role": role, "content": str(value)}]
