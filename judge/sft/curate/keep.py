"""Which judgements are kept, and how each becomes a sample of two answers or of one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from judge.rubrics import load_rubric
from judge.sft.curate.funnel import Funnel, Stage
from judge.sft.curate.journal import Answers, read_answers
from judge.sft.curate.lengths import CountTokens
from judge.sft.curate.mentions import Place
from judge.sft.curate.plan import Agreement
from judge.sft.curate.single import cut_to_single
from judge.sft.curate.source import RawPair
from judge.sft.curate.teacher import agrees


@dataclass(frozen=True, slots=True)
class Sample:
    """A judgement on its way to a row: of the answers at ``places`` (from 0) of its pair, one or
    both of them, with their ``scores`` on ``scale`` and the reasoning's length in ``tokens``.
    """

    pair: RawPair
    places: tuple[int, ...]
    reasoning: str
    scores: tuple[float, ...]
    scale: tuple[float, float]
    tokens: int


def keep_agreeing(
    pairs: Sequence[RawPair],
    journal: Path,
    agreement: Agreement,
    count_tokens: CountTokens,
    funnel: Funnel,
) -> list[Sample]:
    """The first reply to each pair that agrees with the reference, as a sample of both answers."""
    stage = funnel.stage("teacher agrees", len(pairs))
    kept = []
    for pair, answers in zip(pairs, read_answers(journal), strict=True):
        for reply in answers:
            stage.noted[f"replies: {reply.reason or 'read'}"] += 1
        last = answers[-1]
        if not agrees(last, pair, agreement):
            _drop(stage, pair, answers)
            continue
        assert last.scores is not None  # it agrees
        scale = load_rubric(pair.rubric).scale
        tokens = count_tokens(last.reasoning)
        kept.append(Sample(pair, (0, 1), last.reasoning, last.scores, scale, tokens))
    return kept


def cut_samples(
    samples: Sequence[Sample], count_tokens: CountTokens, rng: random.Random, funnel: Funnel
) -> list[Sample]:
    """The samples cut to one answer, the one that a coin chose."""
    stage = funnel.stage("cut to one answer", len(samples))
    singles = []
    for sample in samples:
        place: Place = rng.choice((1, 2))
        reasoning = cut_to_single(sample.reasoning, place)
        if reasoning is None:
            stage.drop("could not be cut", f"{sample.pair.id}: answer {place}")
            continue
        at = place - 1
        singles.append(
            Sample(
                sample.pair,
                (at,),
                reasoning,
                (sample.scores[at],),
                sample.scale,
                count_tokens(reasoning),
            )
        )
    return singles


def _drop(stage: Stage, pair: RawPair, answers: Answers) -> None:
    read = [reply.scores for reply in answers if reply.scores is not None]
    if read:
        said = " ".join(f"{a:g}/{b:g}" for a, b in read)
        stage.drop("disagrees", f"{pair.id}: {pair.scores[0]:g}/{pair.scores[1]:g}, got {said}")
    else:
        stage.drop(f"unread: {answers[-1].reason}", f"{pair.id}: {answers[-1].detail}")
