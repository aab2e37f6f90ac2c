"""From a dataset row to a judging request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from judge.errors import RequestError
from judge.media import load_image
from judge.rubrics import Rubric, load_rubric
from judge.types import Candidate, Image, JudgeRequest, Part

FIELDS = ("id", "prompt", "completion", "image", "images", "molecule", "reference", "rubric")
"""Columns of a row that are read; others are left alone."""


def request_from_row(row: Mapping[str, Any], rubric: Rubric | None = None) -> JudgeRequest:
    """The request in a row.

    Args:
        row: ``prompt`` and ``completion`` as a string or as chat messages, as TRL has them;
            ``image`` or ``images`` as :func:`judge.media.load_image` takes them; ``molecule`` as
            SMILES, instead of a completion; ``reference``; ``id``; ``rubric`` by name, where
            none is given.
        rubric: the rubric for every row.

    Raises:
        RequestError: a column is missing or of another shape; the message names it.
    """
    if rubric is None:
        name = row.get("rubric")
        if not isinstance(name, str):
            raise RequestError("no rubric: name one, or give the row a 'rubric' column")
        rubric = load_rubric(name)
    molecule = row.get("molecule")
    if molecule is not None and not isinstance(molecule, str):
        raise RequestError(f"'molecule' must be a SMILES string, got {type(molecule).__name__}")
    if molecule is None and row.get("completion") is None:
        raise RequestError(f"a row needs 'completion' or 'molecule', got the columns {sorted(row)}")
    completion = (
        "" if row.get("completion") is None else message_text(row["completion"], "completion")
    )
    reference = row.get("reference")
    if reference is not None and not isinstance(reference, str):
        raise RequestError(f"'reference' must be a string, got {type(reference).__name__}")
    question: tuple[Part, ...] = _images(row)
    asked = "" if row.get("prompt") is None else message_text(row["prompt"], "prompt")
    if asked:
        question += (asked,)
    if not question:
        raise RequestError(
            "a row needs a 'prompt' or an 'image': there is nothing to judge against"
        )
    return JudgeRequest(
        question=question,
        candidates=(Candidate(completion, molecule),),
        rubric=rubric,
        reference=reference,
        id="" if row.get("id") is None else str(row["id"]),
    )


def message_text(value: object, column: str) -> str:
    """The text of a string or of chat messages.

    Of several turns each is headed by its role; a single turn is its bare text. Pictures inside
    messages stand in the row's image column, as in TRL, and are passed over here.

    Raises:
        RequestError: neither a string nor chat messages.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(turn, Mapping) for turn in value):
        turns = [(str(turn.get("role", "")), _content_text(turn, column)) for turn in value]
        if len(turns) == 1:
            return turns[0][1]
        return "\n\n".join(f"{role.capitalize()}: {text}" for role, text in turns)
    raise RequestError(f"{column!r} must be a string or chat messages, got {type(value).__name__}")


def _content_text(turn: Mapping[str, Any], column: str) -> str:
    content = turn.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    raise RequestError(f"message content in {column!r} must be a string or a list of parts")


def _images(row: Mapping[str, Any]) -> tuple[Image, ...]:
    several = row.get("images")
    if several is not None:
        if isinstance(several, str | bytes | Mapping) or not isinstance(several, Sequence):
            raise RequestError(f"'images' must be a list, got {type(several).__name__}")
        return tuple(load_image(image) for image in several)
    image = row.get("image")
    return () if image is None else (load_image(image),)
