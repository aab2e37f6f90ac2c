"""Text and pictures in objects of OpenAI's Responses API, as NeMo-Gym passes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_TEXTS = ("input_text", "output_text", "text")


def to_messages(asked: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ``input`` of a response as chat messages of text; tool calls are left out."""
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    return [
        {"role": item["role"], "content": _text(item.get("content"))}
        for item in asked
        if "role" in item
    ]


def picture_urls(asked: str | Sequence[Mapping[str, Any]]) -> list[Any]:
    """The addresses of the pictures in the ``input`` of a response, mostly ``data:`` URIs.

    A picture without one, such as a file known to another server, is None here: it cannot be seen,
    and leaving it out would change the question.
    """
    if isinstance(asked, str):
        return []
    return [
        part.get("image_url")
        for item in asked
        for part in _parts(item.get("content"))
        if part.get("type") == "input_image"
    ]


def output_text(response: Mapping[str, Any]) -> str:
    """What a response says, without its reasoning and its tool calls."""
    return "".join(
        _text(item.get("content"))
        for item in _parts(response.get("output"))
        if item.get("type") == "message"
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(
        str(part.get("text") or "") for part in _parts(content) if part.get("type") in _TEXTS
    )


def _parts(content: Any) -> list[Mapping[str, Any]]:
    if not isinstance(content, list):
        return []
    return [part for part in content if isinstance(part, Mapping)]
