"""Text of chat messages, as datasets and TRL have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from judge.errors import RequestError


def message_text(value: object, column: str) -> str:
    """The text of a string or of chat messages.

    Of several turns each is headed by its role; a single turn is its bare text. Pictures inside
    messages stand in the row's image column, as in TRL, and are passed over here.

    Raises:
        RequestError: neither a string nor chat messages.
    """
    if isinstance(value, str):
        return value
    if is_messages(value):
        turns = [(str(turn.get("role", "")), _content_text(turn, column)) for turn in value]
        if len(turns) == 1:
            return turns[0][1]
        return "\n\n".join(f"{role.capitalize()}: {text}" for role, text in turns)
    raise RequestError(f"{column!r} must be a string or chat messages, got {type(value).__name__}")


def is_messages(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether this is a list of turns, each with its role and content."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and all(isinstance(turn, Mapping) for turn in value)
    )


def _content_text(turn: Mapping[str, Any], column: str) -> str:
    content = turn.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    raise RequestError(f"message content in {column!r} must be a string or a list of parts")
