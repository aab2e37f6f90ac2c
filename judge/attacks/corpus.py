"""The attacks as data, and each of them on a request."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from judge.attacks.drawing import draw_text
from judge.types import Candidate, Image, JudgeRequest, Part

Kind = Literal[
    "structure", "special-token", "unicode", "persuasion", "master-key", "size", "image-text"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to be scored better than deserved.

    ``text`` stands ``repeat`` times in the candidate's place, with the candidate's own text for
    ``{candidate}``; of the kind ``"image-text"`` it is drawn onto the question's first picture
    instead. ``source`` names where the attack was published, or whose markup it spells.
    """

    id: str
    kind: Kind
    text: str
    repeat: int = 1
    source: str = ""

    def applies_to(self, request: JudgeRequest) -> bool:
        """False for words to be drawn where the question has no picture."""
        return self.kind != "image-text" or any(isinstance(p, Image) for p in request.question)

    def dress(self, text: str) -> str:
        """What is sent instead of a candidate's text."""
        if self.kind == "image-text":
            return text
        return (self.text * self.repeat).replace("{candidate}", text)

    def on(self, request: JudgeRequest) -> JudgeRequest:
        """The request under attack: its first candidate's text dressed, or its picture drawn on."""
        if self.kind == "image-text":
            return replace(request, question=self._drawn_on(request.question))
        first, *others = request.candidates
        dressed = Candidate(self.dress(first.text), first.molecule, first.media)
        return replace(request, candidates=(dressed, *others))

    def _drawn_on(self, question: tuple[Part, ...]) -> tuple[Part, ...]:
        for place, part in enumerate(question):
            if isinstance(part, Image):
                return (*question[:place], draw_text(part, self.text), *question[place + 1 :])
        return question


@cache
def load_corpus() -> tuple[Attack, ...]:
    """The attacks that ship, in the order of their kinds."""
    path = Path(__file__).with_name("corpus.toml")
    rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["attack"]
    return tuple(Attack(**row) for row in rows)
