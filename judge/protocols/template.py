"""Templates filled with texts of which some are trusted and some are a stranger's."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    filled: list[PromptPart] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        if match.group(1) not in values:
            continue
        filled.append(Segment(template[position : match.start()], trusted=True))
        filled.extend(values[match.group(1)])
        position = match.end()
    filled.append(Segment(template[position:], trusted=True))
    joined: list[PromptPart] = []
    for part in filled:
        last = joined[-1] if joined else None
        if not isinstance(part, Segment):
            joined.append(part)
        elif isinstance(last, Segment) and last.trusted == part.trusted:
            joined[-1] = Segment(last.text + part.text, last.trusted)
        elif part.text:
            joined.append(part)
    return tuple(joined)
