"""Several outcomes of one request become one: votes, and the two orders of its candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median
from typing import Literal

from judge.types import Usage
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict

Scores = tuple[float, ...]


def combine_votes(votes: Sequence[Outcome], rule: Literal["mean", "median", "majority"]) -> Outcome:
    """One outcome of two votes or more on the same request.

    More than half of the votes have to be verdicts; the others count for nothing then. ``mean`` and
    ``median`` are taken a candidate; ``majority`` takes the scores that most votes agree on as a
    whole, and the mean of those where several share the lead.
    """
    verdicts = [vote for vote in votes if isinstance(vote, Verdict)]
    if 2 * len(verdicts) <= len(votes):
        failures = Counter(v.reason.value for v in votes if isinstance(v, Unjudged))
        return Unjudged(
            Reason.TOO_FEW_VOTES,
            f"{len(verdicts)} of {len(votes)} votes could be read ({dict(failures)})",
            usage=_usage(votes),
            votes=tuple(votes),
            reasks=_reasks(votes),
        )
    return _merge(verdicts, _rule(verdicts, rule), votes)


def combine_orders(forward: Outcome, backward: Outcome) -> Outcome:
    """One outcome of the two orders, both given in the request's own order.

    Scores are the mean of both, so that a preference for a place cancels out; ``flipped`` tells
    whether the preferred candidate changed. If one order is unjudged, so is the request.
    """
    both = (forward, backward)
    for outcome in both:
        if isinstance(outcome, Unjudged):
            return replace(outcome, usage=_usage(both), votes=_votes(both), reasks=_reasks(both))
    first, second = (outcome for outcome in both if isinstance(outcome, Verdict))
    merged = _merge([first, second], _mean([first.scores, second.scores]), _votes(both))
    return replace(
        merged,
        flipped=first.best != second.best,
        usage=_usage(both),
        reasks=_reasks(both),
    )


def _merge(verdicts: Sequence[Verdict], scores: Scores, votes: Sequence[Outcome]) -> Verdict:
    def distance(verdict: Verdict) -> float:
        return sum(abs(a - b) for a, b in zip(verdict.scores, scores, strict=True))

    nearest = min(verdicts, key=distance)
    return replace(
        nearest,
        scores=scores,
        soft=_mean_soft(verdicts),
        usage=_usage(votes),
        votes=tuple(votes),
        reasks=_reasks(votes),
    )


def _rule(verdicts: Sequence[Verdict], rule: str) -> Scores:
    scores = [verdict.scores for verdict in verdicts]
    if rule == "mean":
        return _mean(scores)
    if rule == "median":
        return tuple(median(column) for column in zip(*scores, strict=True))
    counts = Counter(scores)
    most = max(counts.values())
    return _mean([each for each, count in counts.items() if count == most])


def _mean(scores: Sequence[Scores]) -> Scores:
    return tuple(fmean(column) for column in zip(*scores, strict=True))


def _mean_soft(verdicts: Sequence[Verdict]) -> tuple[SoftScore, ...] | None:
    soft = [verdict.soft for verdict in verdicts if verdict.soft is not None]
    if len(soft) < len(verdicts):
        return None
    return tuple(
        SoftScore(
            fmean(each.value for each in column),
            fmean(each.spread for each in column),
            fmean(each.outside for each in column),
        )
        for column in zip(*soft, strict=True)
    )


def _votes(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    return tuple(vote for outcome in outcomes for vote in (outcome.votes or (outcome,)))


def _usage(outcomes: Sequence[Outcome]) -> Usage:
    return sum((outcome.usage for outcome in outcomes), Usage())


def _reasks(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.reasks for outcome in outcomes)
