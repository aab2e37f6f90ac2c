"""How well a judge judges the synthetic world, against the exact scores."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tqdm.auto import tqdm

from judge.judge import Judge
from judge.nano.judging import JudgingSample, Kind, judging_sample
from judge.ranks import spearman
from judge.verdicts import Outcome, Verdict

KINDS: tuple[Kind, ...] = ("text", "image", "molecule")


@dataclass(frozen=True, slots=True)
class KindReport:
    """Figures of one kind of sample.

    ``spearman`` is over the parsed verdicts, in [-1, 1], None where fewer than three were parsed or
    all scores are equal. ``exact`` (score equals the true one) and ``parse_rate`` have all samples
    as denominator: an unparsed reply counts as wrong.
    """

    spearman: float | None
    exact: float
    parse_rate: float
    samples: int


def held_out_samples(kind: Kind, count: int, seed: int) -> list[JudgingSample]:
    """Samples from a stream that training does not draw from."""
    rng = random.Random(f"evaluate/{kind}/{seed}")
    return [judging_sample(rng, kind) for _ in range(count)]


async def evaluate(judge: Judge, count: int, seed: int = 0) -> dict[Kind, KindReport]:
    """Judges ``count`` held-out samples of each kind, without re-asks.

    The engine is started if it is not.
    """
    decoding = replace(judge.decoding, reasks=0)
    samples = {kind: held_out_samples(kind, count, seed) for kind in KINDS}
    await judge.start()
    with tqdm(total=count * len(KINDS), desc="judging", unit="sample") as bar:

        async def one(sample: JudgingSample) -> Outcome:
            outcome = await judge.judge(sample.request, decoding)
            bar.update()
            return outcome

        reports = {}
        for kind, of_kind in samples.items():
            outcomes = await asyncio.gather(*(one(sample) for sample in of_kind))
            reports[kind] = report([sample.scores[0] for sample in of_kind], outcomes)
        return reports


def report(truth: Sequence[int], outcomes: Sequence[Outcome]) -> KindReport:
    """Compares outcomes with the true scores."""
    judged = [
        (true, outcome.score)
        for true, outcome in zip(truth, outcomes, strict=True)
        if isinstance(outcome, Verdict)
    ]
    return KindReport(
        spearman=spearman([true for true, _ in judged], [score for _, score in judged]),
        exact=sum(true == score for true, score in judged) / len(outcomes),
        parse_rate=len(judged) / len(outcomes),
        samples=len(outcomes),
    )


def summary(reports: dict[Kind, KindReport]) -> dict[str, Any]:
    """The figures as one flat JSON object."""
    samples = sum(report.samples for report in reports.values())
    parsed = sum(report.parse_rate * report.samples for report in reports.values())
    return {
        "spearman_text": reports["text"].spearman,
        "spearman_image": reports["image"].spearman,
        "spearman_molecule": reports["molecule"].spearman,
        "exact_text": reports["text"].exact,
        "exact_image": reports["image"].exact,
        "exact_molecule": reports["molecule"].exact,
        "parse_rate": parsed / samples,
        **{f"parse_rate_{kind}": report.parse_rate for kind, report in reports.items()},
        "samples": samples,
    }
