"""Which of two answers a piece of reasoning speaks of, and how one left alone is called.

The patterns are generous: what may speak of an answer counts as speaking of it, because a sentence
too many costs little and a trace of the answer that was cut spoils a row.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

Place = Literal[1, 2]

_THING = r"(?:assistant|answer|response|reply|candidate|completion|model|caption|molecule)"
_THINGS = (
    r"(?:assistants|answers|responses|replies|candidates|completions|models|captions|molecules)"
)
_NAMES: dict[Place, str] = {1: r"(?:1|one|(?-i:A))", 2: r"(?:2|two|(?-i:B))"}
_ORDINALS: dict[Place, str] = {1: r"(?:first|1st)", 2: r"(?:second|2nd)"}
_REFERENCES: dict[Place, str] = {1: "former", 2: "latter"}
_VERB = (
    r"(?:is|was|has|had|does|did|also|gives|gave|provides|offers|explains|fails|misses|lacks|"
    r"contains|covers|addresses)"
)
_MARKUP = r"[*_`]*"


@cache
def _mention(place: Place) -> re.Pattern[str]:
    """One mention of the answer at that place; ``thing`` is what it is called, if it is named."""
    number = rf"{_NAMES[place]}(?![\w%]|[.,]\d)"
    marked = rf"(?:\({number}\)|\[{number}\]|(?:#|no\.?\s*|number\s+)?{_MARKUP}{number})"
    numbered = (
        rf"(?:\bthe\s+)?(?:\bAI\s+)?\b(?P<thing>{_THING})(?:['’]s\s+{_THING})?[\s*_-]*{marked}"
    )
    ordinal = (
        rf"(?:\bthe\s+|\b(?-i:(?=[A-Z]))){_ORDINALS[place]}\s+(?:AI\s+)?"
        rf"(?:(?P<ordered>{_THING})|one)\b"
    )
    alone = rf"\bthe\s+{_ORDINALS[place]}(?=['’]s\b|\s+{_VERB}\b)|\bthe\s+{_REFERENCES[place]}\b"
    return re.compile(rf"{numbered}|{ordinal}|{alone}", re.IGNORECASE)


@cache
def _label(place: Place) -> re.Pattern[str]:
    mention = _mention(place).pattern
    answer = rf"(?:['’]s\s+{_THING})?"
    return re.compile(rf"[\s*_`\[(]*(?:{mention}){answer}[\s*_`\])]*(?::[\s*_`]*|$)", re.IGNORECASE)


_BOTH = re.compile(
    rf"\b(?:{_THING}|{_THINGS})[\s*_]+{_NAMES[1]}\s*(?:and|or|&|/|,|vs\.?|versus)\s*{_NAMES[2]}\b",
    re.IGNORECASE,
)
_ALL_DO = (
    r"(?:is|are|was|were|have|had|do|did|give|provide|offer|fail|address|explain|get|miss|contain|"
    r"cover)"
)
_COMPARING = re.compile(
    "|".join(
        (
            rf"\b(?:both|neither|either|each|all)\s+(?:the\s+|AI\s+)?(?:{_THING}|{_THINGS})\b",
            rf"\b(?:both|neither|either|each|all)\s+(?:of\s+(?:the|them|these)|{_ALL_DO})\b",
            r"\bthey\s+(?:both|differ|are|have|do)\b",
            rf"\b(?:the|these|those|two)\s+(?:two\s+|AI\s+)*{_THINGS}\b",
            rf"\bthe\s+(?:better|best|worse|worst|stronger|weaker|winning)\s+(?:{_THING}|one)\b",
            r"\bthe\s+other(?!\s+hand)\b",
            r"\b(?:better|worse|higher|lower|more|less)\b[^.\n]{0,40}\bthan\b",
            r"\b(?:superior|inferior)\s+to\b",
            r"\bcompar(?:e|es|ed|ing|ison|isons|atively)\b",
            r"\b(?:versus|vs|whereas|respectively|winner|wins|in\s+contrast)\b",
            r"\bprefer(?:s|red|able|ence)?\b",
            r"\bscores?\b[^.\n]{0,30}\d\s*(?:and|,|/|vs\.?|to)\s*\d",
        )
    ),
    re.IGNORECASE,
)


def names(text: str, place: Place) -> bool:
    """Whether the text names the answer at that place."""
    return bool(_mention(place).search(text) or _BOTH.search(text))


def compares(text: str) -> bool:
    """Whether the text speaks of both answers at once, by name or not."""
    return bool(_COMPARING.search(text)) or (names(text, 1) and names(text, 2))


def call_alone(text: str, place: Place) -> str:
    """The text with that answer called as if there were no other: "Assistant 1" → "The assistant".

    A mention that opens the text is written large if it was.
    """

    def rename(match: re.Match[str]) -> str:
        thing = (match["thing"] or match["ordered"] or "answer").lower()
        opens = not re.search(r"\w", text[: match.start()])
        return f"{'The' if opens and match[0][0].isupper() else 'the'} {thing}"

    return _mention(place).sub(rename, text)


def without_label(text: str, place: Place) -> str | None:
    """What follows a label that names this answer alone ("**Assistant 1:** Clear." → "Clear.").

    None where the text does not begin with such a label.
    """
    match = _label(place).match(text)
    return text[match.end() :] if match else None
