"""Judging samples of the synthetic world, with their exact scores."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from judge.media import load_image
from judge.molecules import MoleculeCard
from judge.nano.captions import corrupt
from judge.nano.reasoning import (
    Comparison,
    compare_caption,
    compare_captions,
    compare_molecules,
    compare_wish,
)
from judge.nano.scenes import Scene, draw_scene, render, tell
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.nano.wishes import draw_card, draw_wish, satisfaction, wish_text
from judge.rubrics import load_rubric
from judge.types import Candidate, JudgeRequest, Part

Kind = Literal["text", "image", "molecule", "text pair", "image pair", "molecule pair"]
"""A caption against a scene in words, a caption against a picture, a molecule against a wish; and
two of them at once.
"""


@dataclass(frozen=True, slots=True)
class JudgingSample:
    """A request whose answer is known: the right scores and the reasoning that leads to them."""

    request: JudgeRequest
    reasoning: str
    scores: tuple[int, ...]


def judging_sample(rng: random.Random, kind: Kind) -> JudgingSample:
    """A random sample of that kind; candidates run from flawless to empty."""
    return _SAMPLES[kind](rng)


def _about_text(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    return _caption(scene, _in_words, rng)


def _about_picture(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    return _caption(scene, _in_a_picture, rng)


def _pair_about_text(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    return _captions(scene, _in_words, rng)


def _pair_about_picture(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    return _captions(scene, _in_a_picture, rng)


Show = Callable[[Scene, random.Random], tuple[Part, ...]]


def _in_words(scene: Scene, rng: random.Random) -> tuple[Part, ...]:
    return (f"{tell(scene, rng)}\n{CAPTION_INSTRUCTION}",)


def _in_a_picture(scene: Scene, rng: random.Random) -> tuple[Part, ...]:
    return (load_image(render(scene, rng)), CAPTION_INSTRUCTION)


def _caption(scene: Scene, show: Show, rng: random.Random) -> JudgingSample:
    text = corrupt(scene, rng)
    request = JudgeRequest(show(scene, rng), (Candidate(text),), load_rubric("captioning"))
    return _sample(request, compare_caption(scene, text))


def _captions(scene: Scene, show: Show, rng: random.Random) -> JudgingSample:
    texts = (corrupt(scene, rng), corrupt(scene, rng))
    rubric = load_rubric("captioning")
    low, high = map(int, rubric.scale)
    request = JudgeRequest(
        show(scene, rng), tuple(Candidate(text) for text in texts), rubric, protocol="pairwise"
    )
    return JudgingSample(request, *compare_captions(scene, texts, low, high))


def _about_molecule(rng: random.Random) -> JudgingSample:
    card = draw_card(rng)
    wish = draw_wish(rng, card)
    shown, smiles = _perhaps_broken(card, rng)
    request = JudgeRequest(
        (wish_text(wish),), (Candidate(molecule=smiles),), load_rubric("molecule")
    )
    return _sample(request, compare_wish(wish, shown))


def _pair_of_molecules(rng: random.Random) -> JudgingSample:
    near = draw_card(rng)
    wish = draw_wish(rng, near)
    # Of a few at random the one that meets the wish best, about as far as the one it was made near.
    rivals = [draw_card(rng) for _ in range(rng.randint(1, 5))]
    rival = max(rivals, key=lambda card: satisfaction(wish, card))
    shown = [_perhaps_broken(card, rng) for card in rng.sample((near, rival), 2)]
    rubric = load_rubric("molecule")
    low, high = map(int, rubric.scale)
    candidates = tuple(Candidate(molecule=smiles) for _, smiles in shown)
    request = JudgeRequest((wish_text(wish),), candidates, rubric, protocol="pairwise")
    cards = [card for card, _ in shown]
    return JudgingSample(request, *compare_molecules(wish, cards, low, high))


def _perhaps_broken(card: MoleculeCard, rng: random.Random) -> tuple[MoleculeCard | None, str]:
    """The molecule's card and SMILES; once in a while no card, and a SMILES that is not valid."""
    if rng.random() > 0.06:
        return card, card.smiles
    return None, _break(card.smiles, rng)


def _break(smiles: str, rng: random.Random) -> str:
    """The SMILES with a bracket opened and never closed: not valid."""
    position = rng.randint(0, len(smiles))
    return f"{smiles[:position]}({smiles[position:]}"


def _sample(request: JudgeRequest, comparison: Comparison) -> JudgingSample:
    low, high = request.rubric.scale
    return JudgingSample(request, comparison.text, (comparison.score(int(low), int(high)),))


_SAMPLES: dict[Kind, Callable[[random.Random], JudgingSample]] = {
    "text": _about_text,
    "image": _about_picture,
    "molecule": _about_molecule,
    "text pair": _pair_about_text,
    "image pair": _pair_about_picture,
    "molecule pair": _pair_of_molecules,
}
