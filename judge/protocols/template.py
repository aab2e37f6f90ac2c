"""Templates filled with texts of which some are trusted and some are a stranger's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from judge.sanitize import neutralise
from judge.types import Part, PromptPart, Segment

Parts = tuple[PromptPart, ...]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def trusted(text: str) -> Parts:
    return (Segment(text, trusted=True),)


def untrusted(parts: tuple[Part, ...]) -> Parts:
    """The parts, a line each; texts made harmless."""
    shown: list[PromptPart] = []
    for part in parts:
        if shown:
            shown.append(Segment("\n", trusted=True))
        shown.append(Segment(neutralise(part), trusted=False) if isinstance(part, str) else part)
    return tuple(shown)


def fill(template: str, values: Mapping[str, Parts]) -> Parts:
    """The template with its placeholders filled in one pass; braces inside a value are safe.

    What is in braces and names no value stays as it is. Neighbouring segments of the same
    trust become one.
    """
    joined: list[PromptPart] = []
    for literal, name in _split(template):
        value = values[name] if name in values else trusted(f"{{{name}}}" if name else "")
        for part in (literal, *value):
            last = joined[-1] if joined else None
            if not isinstance(part, Segment):
                joined.append(part)
            elif part.text and isinstance(last, Segment) and last.trusted == part.trusted:
                joined[-1] = Segment(last.text + part.text, last.trusted)
            elif part.text:
                joined.append(part)
    return tuple(joined)


@lru_cache(maxsize=1024)
def _split(template: str) -> tuple[tuple[Segment, str], ...]:
    """The template's own texts, each with the name of the placeholder behind it; the last has
    none.
    """
    pieces = [*_PLACEHOLDER.split(template), ""]
    texts = [Segment(text, trusted=True) for text in pieces[::2]]
    return tuple(zip(texts, pieces[1::2], strict=True))
