"""The steps of reasoning that the nano family learns, written from the truth.

Each step is a local copy and compare ("color red, orange wrong 2."): measured here, a tiny model
judges with such chains, and does not with one sentence an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from judge.molecules import MoleculeCard
from judge.nano.captions import slots
from judge.nano.scenes import ATTRIBUTES, Scene, facts
from judge.nano.wishes import Wish


@dataclass(frozen=True, slots=True)
class Comparison:
    """A chain of checks and its count: ``wrong`` of ``total`` details differ."""

    text: str
    wrong: int
    total: int

    def score(self, low: int, high: int) -> int:
        """The count on a scale: ``high`` where nothing is wrong, ``low`` where everything is."""
        return int(high - (high - low) * self.wrong / self.total + 0.5)


def note_scene(scene: Scene) -> str:
    return f"scene: {facts(scene)}"


def compare_caption(scene: Scene, text: str) -> Comparison:
    """Notes the scene, then checks each attribute of each object of a caption against it."""
    checks = _check_caption(scene, text)
    return replace(checks, text=f"{note_scene(scene)}\n{checks.text}")


def compare_captions(
    scene: Scene, texts: Sequence[str], low: int, high: int
) -> tuple[str, tuple[int, ...]]:
    """Notes the scene once, then checks each caption; returns the chain and their scores."""
    chain, scores = _one_by_one([_check_caption(scene, text) for text in texts], low, high)
    return f"{note_scene(scene)}\n{chain}", scores


def compare_molecules(
    wish: Wish, cards: Sequence[MoleculeCard | None], low: int, high: int
) -> tuple[str, tuple[int, ...]]:
    """Checks each molecule's card, None of an invalid one; returns the chain and their scores."""
    return _one_by_one([compare_wish(wish, card) for card in cards], low, high)


def _one_by_one(answers: Sequence[Comparison], low: int, high: int) -> tuple[str, tuple[int, ...]]:
    """The answers' chains, where there are several each under a heading, and their scores.

    Without the heading and the other answers' chains, an answer's own is as if it were alone.
    """
    chains = [answer.text for answer in answers]
    if len(chains) > 1:
        chains = [f"answer {number}:\n{chain}" for number, chain in enumerate(chains, start=1)]
    return "\n".join(chains), tuple(answer.score(low, high) for answer in answers)


def _check_caption(scene: Scene, text: str) -> Comparison:
    lines = []
    wrong = 0
    pairs = slots(scene, text)
    for index, (true, said) in enumerate(pairs, start=1):
        checks = []
        for name in ATTRIBUTES:
            is_wrong = getattr(true, name) != getattr(said, name)
            wrong += is_wrong
            verdict = f" wrong {wrong}." if is_wrong else "."
            checks.append(f"{name} {getattr(true, name)}, {getattr(said, name)}{verdict}")
        lines.append(f"object {index}: " + " ".join(checks))
    return _count(lines, wrong, len(pairs) * len(ATTRIBUTES))


def list_attributes(scene: Scene) -> str:
    """Notes the scene, then lists each object's attributes one by one."""
    lines = [note_scene(scene)]
    for index, item in enumerate(scene.items, start=1):
        stated = " ".join(f"{name} {getattr(item, name)}." for name in ATTRIBUTES)
        lines.append(f"object {index}: {stated}")
    return "\n".join(lines)


def list_beside(scene: Scene, text: str) -> str:
    """Notes the scene, then lists its attributes beside those a text states; without a verdict."""
    lines = [note_scene(scene)]
    for index, (true, said) in enumerate(slots(scene, text), start=1):
        pairs = " ".join(f"{n} {getattr(true, n)}, {getattr(said, n)}." for n in ATTRIBUTES)
        lines.append(f"object {index}: {pairs}")
    return "\n".join(lines)


def compare_wish(wish: Wish, card: MoleculeCard | None) -> Comparison:
    """Checks each wished range against the molecule's card."""
    lines = []
    wrong = 0
    for part in wish:
        is_wrong = card is None or not part.holds(card)
        wrong += is_wrong
        value = card.properties[part.name] if card else "none"
        lines.append(f"{part.text()}, {value}{f' wrong {wrong}' if is_wrong else ''}.")
    return _count(lines, wrong, len(wish))


def _count(lines: list[str], wrong: int, total: int) -> Comparison:
    return Comparison("\n".join([*lines, f"wrong {wrong} of {total}."]), wrong, total)
