"""How well a judge compares two captions of the synthetic world, in both orders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tqdm.auto import tqdm

from judge.judge import Judge
from judge.nano.evaluate import held_out_samples
from judge.nano.judging import JudgingSample, Kind
from judge.verdicts import Outcome, Verdict

PAIR_KINDS: tuple[Kind, ...] = ("text pair", "image pair")


@dataclass(frozen=True, slots=True)
class PairReport:
    """Figures of one kind of pair. The denominators count unjudged pairs.

    ``accuracy`` is the share of pairs of different true scores whose better caption was preferred
    (a tie is wrong), each asked in one order; ``accuracy_both_orders`` the same by the mean of both
    orders. ``flip_rate`` is the share of all pairs whose preference changed with the order.
    ``parse_rate`` is over both orders.
    """

    accuracy: float
    accuracy_both_orders: float
    flip_rate: float
    parse_rate: float
    samples: int


async def evaluate_pairs(judge: Judge, count: int, seed: int = 0) -> dict[Kind, PairReport]:
    """Judges ``count`` held-out pairs of each kind in both orders, without re-asks.

    A judge that has no pairwise protocol is not asked, and nothing is reported.
    """
    reports: dict[Kind, PairReport] = {}
    if "pairwise" not in judge.folder.profile.protocols:
        return reports
    decoding = replace(judge.decoding, both_orders=True, votes=1, reasks=0)
    with tqdm(total=count * len(PAIR_KINDS), desc="comparing", unit="pair") as bar:

        async def one(sample: JudgingSample) -> Outcome:
            outcome = await judge.judge(sample.request, decoding)
            bar.update()
            return outcome

        for kind in PAIR_KINDS:
            samples = held_out_samples(kind, count, seed)
            outcomes = await asyncio.gather(*(one(sample) for sample in samples))
            reports[kind] = report_pairs([sample.scores for sample in samples], outcomes)
    return reports


def pair_summary(reports: Mapping[Kind, PairReport]) -> dict[str, Any]:
    """The figures as one flat JSON object."""
    return {
        f"{field}_{kind.replace(' ', '_')}": value
        for kind, report in reports.items()
        for field, value in asdict(report).items()
        if field != "samples"
    }


def report_pairs(truth: Sequence[tuple[int, ...]], outcomes: Sequence[Outcome]) -> PairReport:
    """Compares outcomes in both orders with the true scores."""
    better = [None if a == b else int(b > a) for a, b in truth]
    different = [place for place in better if place is not None]
    forward = [outcome.votes[0] for outcome in outcomes]
    votes = [vote for outcome in outcomes for vote in outcome.votes]

    def accuracy(judged: Sequence[Outcome]) -> float:
        right = sum(
            place is not None and isinstance(outcome, Verdict) and outcome.best == place
            for place, outcome in zip(better, judged, strict=True)
        )
        return right / max(1, len(different))

    return PairReport(
        accuracy=accuracy(forward),
        accuracy_both_orders=accuracy(outcomes),
        flip_rate=sum(isinstance(o, Verdict) and o.flipped is True for o in outcomes)
        / len(outcomes),
        parse_rate=sum(isinstance(vote, Verdict) for vote in votes) / len(votes),
        samples=len(outcomes),
    )
