"""Judging held-out rows by weights that are being trained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tqdm.auto import tqdm

from judge.engines.live import LiveEngine
from judge.engines.transformers_model import TransformersModel
from judge.folder import JudgeFolder
from judge.judge import Judge
from judge.profile import JudgeProfile
from judge.sft.samples import JudgingRow
from judge.types import JudgeRequest
from judge.verdicts import Outcome, Reason, Unjudged, Verdict

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """How well rows are judged. All but ``rows`` are over replies: a single row has one, a pair
    one in each order. Shares are in [0, 1], and their denominators count unread replies too, which
    are wrong.

    ``agreement`` is the share of replies with exactly the right scores, and of pairs' replies
    ``preference_agreement`` that of replies which prefer the right answer (or none, where the right
    scores tie). ``flip_rate`` is the share of pairs whose preference changed with the order.
    ``mean_abs_error`` is over the scores that were read, as a share of their scale's width;
    ``reasoning_tokens`` the mean over the replies that were read. None where there is nothing to
    take a mean of.
    """

    rows: int
    parse_rate: float
    agreement: float
    mean_abs_error: float | None
    reasoning_tokens: float | None
    preference_agreement: float | None
    flip_rate: float | None

    def metrics(self) -> dict[str, float]:
        """The figures that there are, by the names under which they are logged."""
        named = {
            "parse_rate": self.parse_rate,
            "agreement": self.agreement,
            "mean_abs_error": self.mean_abs_error,
            "reasoning_tokens": self.reasoning_tokens,
            "preference_agreement": self.preference_agreement,
            "flip_rate": self.flip_rate,
        }
        return {f"eval_judge_{name}": value for name, value in named.items() if value is not None}


def spread(rows: Sequence[JudgingRow], count: int) -> tuple[JudgingRow, ...]:
    """At most ``count`` of the rows, from all over them; the same ones each time."""
    count = min(count, len(rows))
    return tuple(rows[place * len(rows) // count] for place in range(count))


def judge_rows(
    rows: Sequence[JudgingRow],
    profile: JudgeProfile,
    model: TransformersModel,
    *,
    max_batch: int,
    show_progress: bool,
) -> HeldOutFigures:
    """Judges the rows greedily, without votes or re-asks, and compares with the right scores.

    Processes that call it together with the same rows do the same forward passes.
    """
    outcomes = asyncio.run(_judge(rows, profile, LiveEngine(model, max_batch), show_progress))
    failures = [
        reply.detail
        for outcome in outcomes
        for reply in _replies(outcome)
        if isinstance(reply, Unjudged) and reply.reason == Reason.ENGINE_ERROR
    ]
    if failures:
        logger.warning("%d held-out replies failed, e.g.: %s", len(failures), failures[0])
    return compare(rows, outcomes, model.tokenizer)


def compare(
    rows: Sequence[JudgingRow], outcomes: Sequence[Outcome], tokenizer: Any
) -> HeldOutFigures:
    """The figures of outcomes, one a row; pairs judged in both orders."""
    judged = [
        (row, reply)
        for row, outcome in zip(rows, outcomes, strict=True)
        for reply in _replies(outcome)
    ]
    read = [(row, reply) for row, reply in judged if isinstance(reply, Verdict)]
    of_pairs = [(row, reply) for row, reply in judged if len(row.scores) > 1]
    pairs = [outcome for row, outcome in zip(rows, outcomes, strict=True) if len(row.scores) > 1]
    return HeldOutFigures(
        rows=len(rows),
        parse_rate=len(read) / len(judged),
        agreement=sum(reply.scores == row.scores for row, reply in read) / len(judged),
        mean_abs_error=_mean([_error(row, reply) for row, reply in read]),
        reasoning_tokens=_mean(
            [len(tokenizer(r.reasoning, add_special_tokens=False)["input_ids"]) for _, r in read]
        ),
        preference_agreement=_mean(
            [
                isinstance(reply, Verdict) and reply.best == _best(row.scores)
                for row, reply in of_pairs
            ]
        ),
        flip_rate=_mean([isinstance(each, Verdict) and each.flipped is True for each in pairs]),
    )


async def _judge(
    rows: Sequence[JudgingRow], profile: JudgeProfile, engine: LiveEngine, show_progress: bool
) -> list[Outcome]:
    judge = Judge(JudgeFolder(profile, weights="live"), engine)
    greedy = replace(profile.decoding, temperature=0.0, top_p=1.0, votes=1, soft=False)
    decoding = replace(greedy, both_orders=True, reasks=0)
    with tqdm(total=len(rows), desc="judging", unit="row", disable=not show_progress) as bar:

        async def one(request: JudgeRequest) -> Outcome:
            outcome = await judge.judge(request, decoding)
            bar.update()
            return outcome

        return await asyncio.gather(*(one(row.judge_request()) for row in rows))


def _replies(outcome: Outcome) -> tuple[Outcome, ...]:
    return outcome.votes or (outcome,)


def _best(scores: Sequence[float]) -> int | None:
    """Place of the highest score; None where several share it, as in :attr:`Verdict.best`."""
    top = max(scores)
    return scores.index(top) if scores.count(top) == 1 else None


def _error(row: JudgingRow, verdict: Verdict) -> float:
    low, high = row.scale
    pairs = zip(row.scores, verdict.scores, strict=True)
    return fmean(abs(right - said) for right, said in pairs) / (high - low)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
