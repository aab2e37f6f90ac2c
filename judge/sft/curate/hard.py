"""Hard negatives: answers that say nothing, with the lowest score and the reason why.

Openers and bare marks lift the scores of judges that never saw them fail; training on them labelled
as wrong takes the lift away (arXiv 2507.08794). The texts stand in ``hard.toml``.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, get_args

from judge.rubrics import load_rubric
from judge.sft.curate.funnel import Stage
from judge.sft.curate.keep import Sample
from judge.sft.curate.source import RawPair, normalised

Fault = Literal["opener", "empty", "begging", "off_topic"]

_TRIES = 50
_MOST_SHARED = 0.2
"""Largest share of words (of both questions together) that two questions have in common and are
still about different things."""


@dataclass(frozen=True, slots=True)
class HardNegative:
    """An answer to a sample's question that deserves ``score``, the lowest of ``scale``."""

    pair: RawPair
    fault: Fault
    answer: str
    reasoning: str
    scale: tuple[float, float]

    @property
    def score(self) -> float:
        return self.scale[0]

    @property
    def request(self) -> dict[str, Any]:
        """In the columns of :mod:`judge.rows`."""
        return {**self.pair.request(0), "completions": [self.answer]}


def hard_negatives(
    samples: Sequence[Sample], share: float, rng: random.Random, stage: Stage
) -> list[HardNegative]:
    """Hard negatives, ``share`` times as many as there are samples.

    Each is for the question of a sample, drawn at random, on its scale; the faults take turns. An
    answer off the topic is one to another of the samples' questions, of other words; where all
    questions are alike, another fault takes its place. Molecules are passed over: a text is none
    of them, whatever it says.
    """
    stage.entered += len(samples)
    texts = [sample for sample in samples if load_rubric(sample.pair.rubric).candidate == "text"]
    texts = [sample for sample in texts if not sample.pair.are_molecules]
    if len(texts) < len(samples):
        stage.noted["passed over: molecules"] += len(samples) - len(texts)
    faults = cycle(get_args(Fault))
    made: list[HardNegative] = []
    for sample in rng.sample(texts, min(len(texts), round(share * len(samples)))):
        fault = next(faults)
        answer = _answer(sample, fault, texts, rng)
        if answer is None:
            stage.noted["no answer off the topic: another fault"] += 1
            fault = next(faults)
            answer = _answer(sample, fault, texts, rng)
        assert answer is not None  # only what is off the topic can lack
        reasoning = rng.choice(_texts()[fault]["reasons"])
        made.append(HardNegative(sample.pair, fault, answer, reasoning, sample.scale))
        stage.noted[f"made: {fault}"] += 1
    stage.added += len(made)
    return made


def _answer(
    sample: Sample, fault: Fault, samples: Sequence[Sample], rng: random.Random
) -> str | None:
    """A text with that fault; None where no other question is about something else."""
    if fault == "off_topic":
        return _off_topic(sample, samples, rng)
    return rng.choice(_texts()[fault]["texts"])


def _off_topic(sample: Sample, samples: Sequence[Sample], rng: random.Random) -> str | None:
    asked = set(normalised(sample.pair.question).split())
    for _ in range(_TRIES):
        other = rng.choice(samples).pair
        words = set(normalised(other.question).split())
        if len(asked & words) <= _MOST_SHARED * len(asked | words):
            return rng.choice(other.answers)
    return None


@cache
def _texts() -> dict[str, dict[str, list[str]]]:
    path = Path(__file__).with_name("hard.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
