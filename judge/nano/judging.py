"""Judging samples of the synthetic world, with their exact scores."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from judge.folder import ProtocolPrompts
from judge.media import load_image
from judge.nano.captions import corrupt
from judge.nano.reasoning import Comparison, compare_caption, compare_wish
from judge.nano.scenes import draw_scene, render, tell
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.nano.wishes import draw_card, draw_wish, wish_text
from judge.protocols import Pointwise
from judge.rubrics import load_rubric
from judge.types import Candidate, Image, JudgeRequest, Part, Segment

Kind = Literal["text", "image", "molecule"]
"""A caption against a scene in words, a caption against a picture, a molecule against a wish."""


@dataclass(frozen=True, slots=True)
class JudgingSample:
    """A request whose answer is known: the right score and the reasoning that leads to it."""

    request: JudgeRequest
    reasoning: str
    score: int


def judging_sample(rng: random.Random, kind: Kind) -> JudgingSample:
    """A random sample of that kind; candidates run from flawless to empty."""
    return _SAMPLES[kind](rng)


def _about_text(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    candidate = corrupt(scene, rng)
    question = (f"{tell(scene, rng)}\n{CAPTION_INSTRUCTION}",)
    return _captioned(question, candidate, compare_caption(scene, candidate))


def _about_picture(rng: random.Random) -> JudgingSample:
    scene = draw_scene(rng)
    candidate = corrupt(scene, rng)
    question = (load_image(render(scene, rng)), CAPTION_INSTRUCTION)
    return _captioned(question, candidate, compare_caption(scene, candidate))


def _captioned(question: tuple[Part, ...], text: str, comparison: Comparison) -> JudgingSample:
    return _sample(
        JudgeRequest(question, (Candidate(text),), load_rubric("captioning")), comparison
    )


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
    return JudgingSample(request, comparison.text, comparison.score(int(low), int(high)))


_SAMPLES: dict[Kind, Callable[[random.Random], JudgingSample]] = {
    "text": _about_text,
    "image": _about_picture,
    "molecule": _about_molecule,
}


def training_row(sample: JudgingSample, prompts: ProtocolPrompts) -> dict[str, Any]:
    """The sample as TRL's conversational prompt/completion row, in the judge's real prompt.

    The reasoning is left out where the prompts open the reply with the answer's tag.

    Raises:
        ValueError: the sample shows a picture; the rows are text alone.
    """
    protocol = Pointwise(prompts)
    prompt = protocol.render(sample.request)
    if prompt.parts(Image):
        raise ValueError("a training row is text alone; this sample shows a picture")
    reply = protocol.format(sample.reasoning, (sample.score,), sample.request)
    if prompts.prefill == "<answer>":
        reply = reply[reply.index("<answer>") :]
    return {
        "prompt": [
            {
                "role": message.role,
                "content": "".join(p.text for p in message.parts if isinstance(p, Segment)),
            }
            for message in prompt.messages
        ],
        "completion": [{"role": "assistant", "content": reply}],
    }
