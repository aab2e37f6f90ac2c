"""A teacher for the nano judges: an engine that reads the synthetic world back from a prompt.

It takes the place that a large judge has where a real one is made: it is asked in a judge's prompts
(those of the embedded ``nano-teacher``) and replies in words, reasoning first. What it says follows
from the truth, but for a slip now and then, so that there is something to be curated.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from judge.engines.scripted import complete, prompt_text
from judge.errors import EngineError, RequestError
from judge.nano.reading import read_card, read_scene, read_wish
from judge.nano.reasoning import compare_captions, compare_molecules
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.profile import Decoding
from judge.protocols.reply import write_reply
from judge.types import Completion, NextToken, Prompt, Segment

_HEADING = re.compile(r"^\[([^\]\n]+)\]\n?", re.MULTILINE)
_ANSWER = re.compile(r"Assistant( \d+)?'s Answer")
_SCALE = re.compile(r"from (\d+) to (\d+) by the rubric")


class NanoTeacher:
    """Judges one caption or molecule, or several at once, in text.

    In a share of its replies, ``carelessness`` in [0, 1], one of the scores is wrong; which ones
    depends on prompt and seed alone. Temperature and ``max_tokens`` do not matter to it.
    """

    def __init__(self, weights: str, *, carelessness: float = 0.05) -> None:
        """``weights`` is the judge's folder: prompts are all it holds.

        Raises:
            RequestError: ``carelessness`` outside [0, 1].
        """
        if not 0 <= carelessness <= 1:
            raise RequestError(f"carelessness has to be from 0 to 1, got {carelessness}")
        self._carelessness = carelessness

    @property
    def identity(self) -> str:
        return f"nano-teacher/carelessness={self._carelessness:g}"

    async def start(self) -> None:
        return None

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        reply, begun = self._reply(prompt, decoding.seed), prompt.prefill + prompt.begun
        if not reply.startswith(begun):
            raise EngineError(
                f"the nano teacher's reply starts {reply[:40]!r}, and the prompt has begun it "
                f"{begun[:40]!r}: use the prompts of the judge nano-teacher"
            )
        return complete(reply.removeprefix(begun), prompt.stop)

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        raise EngineError("the nano teacher has no probabilities: ask it without soft scores")

    async def close(self) -> None:
        return None

    def _reply(self, prompt: Prompt, seed: int) -> str:
        if len(prompt.parts(Segment)) < sum(len(message.parts) for message in prompt.messages):
            raise EngineError("the nano teacher reads text alone, and this prompt shows media")
        text = prompt_text(prompt)
        try:
            question, answers, (low, high) = read_prompt(text)
            reasoning, scores = _work_out(question, answers, low, high)
        except ValueError as error:
            raise EngineError(f"the nano teacher cannot read the prompt: {error}") from error
        rng = random.Random(f"{seed}/{text}")
        if rng.random() < self._carelessness:
            scores = _slip(scores, low, high, rng)
        return write_reply(reasoning, [str(score) for score in scores])


def read_prompt(text: str) -> tuple[str, list[str], tuple[int, int]]:
    """Question, answers and scale in a prompt laid out as the default profile does.

    Raises:
        ValueError: one of them is not there.
    """
    scale = _SCALE.search(text)
    _, *pieces = _HEADING.split(text)
    sections = [
        (heading, body.removesuffix("\n\n"))
        for heading, body in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    answers = [body for heading, body in sections if _ANSWER.fullmatch(heading)]
    question = dict(sections).get("Question")
    if scale is None or question is None or not answers:
        headings = ", ".join(heading for heading, _ in sections)
        raise ValueError(
            "expected a scale, 'from 1 to 10 by the rubric', and the sections Question and "
            f"Assistant's Answer, got the sections {headings or 'none'}"
        )
    return question, answers, (int(scale[1]), int(scale[2]))


def _work_out(
    question: str, answers: Sequence[str], low: int, high: int
) -> tuple[str, tuple[int, ...]]:
    told = question.removesuffix(f"\n{CAPTION_INSTRUCTION}")
    if told != question:
        return compare_captions(read_scene(told), answers, low, high)
    return compare_molecules(read_wish(question), [read_card(each) for each in answers], low, high)


def _slip(scores: tuple[int, ...], low: int, high: int, rng: random.Random) -> tuple[int, ...]:
    """The scores with one of them changed to another of the scale."""
    place = rng.randrange(len(scores))
    wrong = rng.choice([score for score in range(low, high + 1) if score != scores[place]])
    return (*scores[:place], wrong, *scores[place + 1 :])
