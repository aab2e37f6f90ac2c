"""Which pairs are kept, and which are left out for balance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import RequestError
from judge.verdicts import Reason, Unjudged, Verdict
from reward.label.balance import LengthBalance, lead
from reward.label.pairs import Drop, PairRules, row_pairs
from reward.offline.comparisons import Comparison, Preference
from reward.offline.records import RowFacts, RowRecord


def record(*scores: float | None, equals: tuple[int, ...] | None = None) -> RowRecord:
    """Candidates that were judged alone."""
    comparisons = tuple(
        Comparison(
            place,
            (place,),
            Unjudged(Reason.NO_ANSWER) if score is None else Verdict((score,), (1, 10), ""),
        )
        for place, score in enumerate(scores)
    )
    places = tuple(range(len(scores)))
    return RowRecord(
        0, RowFacts("", (1,) * len(scores), equals or places, False, False), comparisons
    )


def pair(scores: tuple[float, float], backward: tuple[float, float]) -> RowRecord:
    """Two candidates that were judged in both orders; ``backward`` is (second, first)."""
    return RowRecord(
        0,
        RowFacts("", (1, 1), (0, 1), False, False),
        (
            Comparison(0, (0, 1), Verdict(scores, (1, 10), "")),
            Comparison(0, (1, 0), Verdict(backward, (1, 10), "")),
        ),
    )


def kept(found: RowRecord, rules: PairRules) -> list[tuple[int, int]]:
    return [(each.chosen, each.rejected) for each in row_pairs(found, rules).kept]


def test_best_against_worst_or_every_two() -> None:
    found = record(3, 9, 5)
    assert kept(found, PairRules()) == [(1, 0)]
    assert kept(found, PairRules("all")) == [(1, 0), (2, 0), (1, 2)]


def test_candidates_without_a_verdict_are_in_no_pair() -> None:
    found = row_pairs(record(3, None, 5), PairRules("all"))
    assert [(each.chosen, each.rejected) for each in found.kept] == [(2, 0)]
    assert found.dropped == (Drop.UNJUDGED, Drop.UNJUDGED)
    assert found.is_judged
    alone = row_pairs(record(3, None), PairRules())
    assert (alone.kept, alone.dropped, alone.is_judged) == ((), (Drop.UNJUDGED,), False)


def test_ties_and_small_margins_are_left_out() -> None:
    assert row_pairs(record(4, 4), PairRules()).dropped == (Drop.TIE,)
    rules = PairRules(min_margin=2)
    assert row_pairs(record(4, 5), rules).dropped == (Drop.MARGIN,)
    assert kept(record(4, 6), rules) == [(1, 0)]


def test_equal_candidates_are_no_pair() -> None:
    found = row_pairs(record(4, 4, equals=(0, 0)), PairRules())
    assert (found.kept, found.dropped, found.is_judged) == ((), (Drop.EQUAL,), True)


def test_a_preference_that_changes_with_the_order_is_left_out_unless_wanted() -> None:
    changing = pair((9, 4), (6, 5))
    assert row_pairs(changing, PairRules()).dropped == (Drop.ORDER,)
    (wanted,) = row_pairs(changing, PairRules(consistent_only=False)).kept
    assert (wanted.chosen, wanted.margin, wanted.consistent) == (0, 2.0, False)
    even = pair((9, 4), (9, 4))
    assert row_pairs(even, PairRules(consistent_only=False)).dropped == (Drop.ORDER,)


def test_a_margin_below_zero_is_refused() -> None:
    with pytest.raises(RequestError, match="0 or more"):
        PairRules(min_margin=-1)


_lengths = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=60)


@given(_lengths, st.integers(0, 5))
def test_balance_keeps_as_many_longer_as_shorter_and_all_equal_ones(
    lengths: list[tuple[int, int]], seed: int
) -> None:
    preferred = Preference(0, 1, 1.0, None)
    leads = [lead(preferred, each) for each in lengths]
    balance = LengthBalance(leads.count(1), leads.count(-1), seed)
    left = [way for way, each in zip(leads, lengths, strict=True) if balance.keeps(preferred, each)]
    assert left.count(1) == left.count(-1) == min(leads.count(1), leads.count(-1))
    assert left.count(0) == leads.count(0)


def test_balance_draws_over_the_whole_run() -> None:
    balance = LengthBalance(1000, 100)
    places = [
        number for number in range(1000) if balance.keeps(Preference(0, 1, 1.0, None), (2, 1))
    ]
    assert len(places) == 100
    assert 400 < sum(places) / 100 < 600
