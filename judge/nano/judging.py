"""Judging samples of the synthetic world, with their exact scores."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from judge.media import load_image
from judge.nano.captions import corrupt
from judge.nano.reasoning import (
    Comparison,
    compare_caption,
    compare_captions,
    compare_wish,
)
from judge.nano.scenes import Scene, draw_scene, render, tell
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.nano.wishes import draw_card, draw_wish, wish_text
from judge.profile import JudgeProfile
from judge.protocols import PROTOCOLS
from judge.rubrics import load_rubric
from judge.types import Candidate, JudgeRequest, Part, Segment

Kind = Literal["text", "image", "molecule", "text pair", "image pair"]
"""A caption against a scene in words, a caption against a picture, a molecule against a wish; and
two captions at once, against either.
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
    is_valid = rng.random() > 0.06
    smiles = card.smiles if is_valid else _break(card.smiles, rng)
    request = JudgeRequest(
        (wish_text(wish),), (Candidate(molecule=smiles),), load_rubric("molecule")
    )
    return _sample(request, compare_wish(wish, card if is_valid else None))


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
}


def training_row(sample: JudgingSample, profile: JudgeProfile) -> dict[str, Any]:
    """The sample as TRL's conversational prompt/completion row, in the judge's real prompt.

    The reasoning is left out where the prompts open the reply with the answer's tag.

    Raises:
        ValueError: the sample shows a picture; the rows are text alone.
    """
    prompts = profile.protocols[sample.request.protocol]
    protocol = PROTOCOLS[sample.request.protocol](prompts)
    prompt = protocol.render(sample.request)
    texts = [[part for part in m.parts if isinstance(part, Segment)] for m in prompt.messages]
    if any(len(kept) < len(m.parts) for kept, m in zip(texts, prompt.messages, strict=True)):
        raise ValueError("a training row is text alone; this sample shows a picture")
    reply = protocol.format(sample.reasoning, sample.scores, sample.request)
    if prompts.prefill == "<answer>":
        reply = reply[reply.index("<answer>") :]
    return {
        "prompt": [
            {"role": message.role, "content": "".join(part.text for part in parts)}
            for message, parts in zip(prompt.messages, texts, strict=True)
        ],
        "completion": [{"role": "assistant", "content": reply}],
    }
