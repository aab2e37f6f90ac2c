"""What a judge said of a row's candidates, and what it comes to. Pure.

Candidates are known by their places, from 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from judge.verdicts import Outcome, Unjudged, Verdict
from reward.groups.matches import Order


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question to the judge: candidates in the ``order`` they were shown, and its outcome,
    whose scores are in that order. Comparisons of one ``match`` count only together.
    """

    match: int
    order: Order
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Preference:
    """Of two candidates the better one.

    ``margin`` is the difference of their values, above 0. ``consistent`` tells whether every
    comparison of the two says the same, those in the other order included; None where no other
    order was asked.
    """

    chosen: int
    rejected: int
    margin: float
    consistent: bool | None


def first_of_equals(candidates: Sequence[Hashable]) -> tuple[int, ...]:
    """For each candidate the place of the first that equals it."""
    seen: dict[Hashable, int] = {}
    return tuple(seen.setdefault(each, place) for place, each in enumerate(candidates))


def values(equals: Sequence[int], comparisons: Sequence[Comparison]) -> tuple[float | None, ...]:
    """Each candidate's mean score over the matches that were judged in full; None without one.

    Args:
        equals: as :func:`first_of_equals` gives them: equal candidates have one value.
        comparisons: of the row.
    """
    found: defaultdict[int, list[float]] = defaultdict(list)
    for comparison in judged_in_full(comparisons):
        for place, score in scores_by_place(comparison).items():
            found[place].append(score)
    return tuple(fmean(found[place]) if found[place] else None for place in equals)


def judged_in_full(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of those matches that have a verdict in each of their orders."""
    failed = {each.match for each in comparisons if isinstance(each.outcome, Unjudged)}
    return [each for each in comparisons if each.match not in failed]


def failures(comparisons: Sequence[Comparison]) -> list[Unjudged]:
    """The outcomes without a verdict."""
    return [each.outcome for each in comparisons if isinstance(each.outcome, Unjudged)]


def scores_by_place(comparison: Comparison) -> dict[int, float]:
    """The scores of a comparison that was judged."""
    assert isinstance(comparison.outcome, Verdict)
    return dict(zip(comparison.order, comparison.outcome.scores, strict=True))


def prefer(
    one: int,
    other: int,
    valued: Sequence[float | None],
    equals: Sequence[int],
    comparisons: Sequence[Comparison],
) -> Preference | None:
    """Which of two candidates the judge prefers; None for a tie, or where one has no value.

    Args:
        one, other: their places.
        valued: of all candidates, as :func:`values` gives them.
        equals: as :func:`first_of_equals` gives them.
        comparisons: of the row.
    """
    of_one, of_other = valued[one], valued[other]
    if of_one is None or of_other is None or of_one == of_other:
        return None
    chosen, rejected = (one, other) if of_one > of_other else (other, one)
    said = _said(equals[chosen], equals[rejected], judged_in_full(comparisons))
    consistent = None
    if {is_first for is_first, _ in said} == {True, False}:
        consistent = all(lead > 0 for _, lead in said)
    return Preference(chosen, rejected, abs(of_one - of_other), consistent)


def flips(comparisons: Sequence[Comparison]) -> tuple[int, int]:
    """Of the pairs of candidates that were compared in both orders, how many there are, and of how
    many the preference changed with the order.
    """
    places = {
        (min(pair), max(pair)) for each in comparisons for pair in combinations(each.order, 2)
    }
    changes = [changed_with_order(*pair, comparisons) for pair in places]
    both = [change for change in changes if change is not None]
    return len(both), sum(both)


def changed_with_order(one: int, other: int, comparisons: Sequence[Comparison]) -> bool | None:
    """Whether the preference between two changed with their order; None unless both were judged."""
    said = _said(one, other, judged_in_full(comparisons))
    if {is_first for is_first, _ in said} != {True, False}:
        return None
    return len({_sign(lead) for _, lead in said}) > 1


def _said(one: int, other: int, judged: Sequence[Comparison]) -> list[tuple[bool, float]]:
    """Of each comparison of the two: whether ``one`` was shown first, and by how much it leads."""
    said = []
    for each in judged:
        if one in each.order and other in each.order:
            scores = scores_by_place(each)
            is_first = each.order.index(one) < each.order.index(other)
            said.append((is_first, scores[one] - scores[other]))
    return said


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
