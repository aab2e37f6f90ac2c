"""Which pairs of a row's candidates make preference data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Literal

from judge.errors import RequestError
from reward.offline.comparisons import Comparison, Preference, changed_with_order, prefer, values
from reward.offline.records import RowRecord

PairsOf = Literal["best-worst", "all"]


class Drop(StrEnum):
    """Why two candidates make no pair."""

    UNJUDGED = "unjudged"
    """One of them has no verdict."""
    EQUAL = "equal candidates"
    """They are the same."""
    TIE = "tie"
    """Equal scores."""
    MARGIN = "margin too small"
    ORDER = "preference changed with the order"
    LENGTH = "length balance"
    """One of the pairs too many in which the longer, or the shorter, candidate won."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """What is kept.

    Args:
        pairs: of each row its best candidate against its worst, or every two of them.
        min_margin: least difference of their scores, on the judge's scale.
        consistent_only: leave out pairs whose preference changed with the order of the two.

    Raises:
        RequestError: a margin below 0.
    """

    pairs: PairsOf = "best-worst"
    min_margin: float = 0.0
    consistent_only: bool = True

    def __post_init__(self) -> None:
        if not self.min_margin >= 0:
            raise RequestError(f"the least margin is 0 or more, got {self.min_margin}")


@dataclass(frozen=True, slots=True)
class RowPairs:
    """The pairs of a row, those that were left out, and each candidate's value (its mean score;
    None unjudged).
    """

    record: RowRecord
    kept: tuple[Preference, ...]
    dropped: tuple[Drop, ...]
    values: tuple[float | None, ...]

    @property
    def is_judged(self) -> bool:
        """Whether at least two candidates have a verdict."""
        return sum(each is not None for each in self.values) > 1 or Drop.EQUAL in self.dropped


def row_pairs(record: RowRecord, rules: PairRules) -> RowPairs:
    """The pairs of a row's candidates.

    With ``best-worst``, candidates without a verdict are passed over; the first of several best
    ones is taken, and the last of several worst.

    Args:
        record: of the row.
        rules: what is kept.
    """
    if record.facts is None:
        return RowPairs(record, (), (Drop.UNJUDGED,), ())
    equals = record.facts.equals
    valued = values(equals, record.comparisons)
    if len(set(equals)) < 2:
        return RowPairs(record, (), (Drop.EQUAL,), valued)
    if rules.pairs == "all":
        places = list(combinations(range(len(equals)), 2))
    else:
        known = [place for place, value in enumerate(valued) if value is not None]
        ranked = sorted(known, key=lambda place: -(valued[place] or 0.0))
        places = [(ranked[0], ranked[-1])] if len(ranked) > 1 else []
    kept: list[Preference] = []
    dropped: list[Drop] = [] if places else [Drop.UNJUDGED]
    for pair in places:
        found = _pair(pair, equals, valued, record.comparisons, rules)
        if isinstance(found, Drop):
            dropped.append(found)
        else:
            kept.append(found)
    return RowPairs(record, tuple(kept), tuple(dropped), valued)


def _pair(
    pair: tuple[int, int],
    equals: Sequence[int],
    valued: Sequence[float | None],
    comparisons: Sequence[Comparison],
    rules: PairRules,
) -> Preference | Drop:
    one, other = pair
    if equals[one] == equals[other]:
        return Drop.EQUAL
    if valued[one] is None or valued[other] is None:
        return Drop.UNJUDGED
    found = prefer(one, other, valued, equals, comparisons)
    if found is None:
        changed = changed_with_order(equals[one], equals[other], comparisons)
        return Drop.ORDER if changed else Drop.TIE
    if rules.consistent_only and found.consistent is False:
        return Drop.ORDER
    return found if found.margin >= rules.min_margin else Drop.MARGIN
