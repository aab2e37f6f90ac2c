"""What comparisons come to: values, preferences, flips."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from judge.verdicts import Reason, Unjudged, Verdict
from reward.offline.comparisons import (
    Comparison,
    Preference,
    changed_with_order,
    first_of_equals,
    flips,
    prefer,
    values,
)


def compared(match: int, order: tuple[int, ...], *scores: float) -> Comparison:
    if not scores:
        return Comparison(match, order, Unjudged(Reason.NO_ANSWER))
    return Comparison(match, order, Verdict(scores, (1, 10), "because"))


def both(match: int, one: int, other: int, forward: Any, backward: Any) -> list[Comparison]:
    """Scores of both orders, each as (one, other)."""
    return [
        compared(match, (one, other), *forward),
        compared(match, (other, one), *(backward[::-1])),
    ]


def test_a_value_is_the_mean_over_matches_judged_in_full() -> None:
    said = [*both(0, 0, 1, (8, 2), (6, 4)), *both(1, 1, 2, (3, 5), ())]
    assert values((0, 1, 2), said) == (7.0, 3.0, None)


def test_equal_candidates_have_one_value() -> None:
    equals = first_of_equals(["a", "b", "a"])
    assert equals == (0, 1, 0)
    assert values(equals, [compared(0, (0, 1), 8, 2)]) == (8.0, 2.0, 8.0)


def test_a_preference_tells_whether_the_orders_agree() -> None:
    agreeing = both(0, 0, 1, (8, 2), (6, 4))
    assert _prefer(agreeing) == Preference(0, 1, 4.0, consistent=True)
    flipped = both(0, 0, 1, (9, 2), (4, 5))
    assert _prefer(flipped) == Preference(0, 1, 3.0, consistent=False)
    tied_once = both(0, 0, 1, (9, 2), (5, 5))
    assert _prefer(tied_once) == Preference(0, 1, 3.5, consistent=False)


def test_one_order_tells_nothing_of_consistency() -> None:
    assert _prefer([compared(0, (0, 1), 3, 8)]) == Preference(1, 0, 5.0, consistent=None)
    alone = [compared(0, (0,), 3), compared(1, (1,), 8)]
    assert _prefer(alone) == Preference(1, 0, 5.0, consistent=None)


def test_no_preference_without_a_verdict_or_a_difference() -> None:
    assert _prefer(both(0, 0, 1, (8, 2), ())) is None
    assert _prefer(both(0, 0, 1, (8, 2), (2, 8))) is None


def test_lists_are_compared_two_by_two() -> None:
    said = [compared(0, (0, 1, 2), 9, 5, 1), compared(1, (2, 1, 0), 1, 6, 5)]
    assert changed_with_order(0, 1, said) is True
    assert changed_with_order(0, 2, said) is False
    assert flips(said) == (3, 1)


@given(st.tuples(*[st.integers(1, 10)] * 4))
def test_swapping_candidates_swaps_the_preference(scores: tuple[int, ...]) -> None:
    first, second = scores[:2], scores[2:]
    one = _prefer(both(0, 0, 1, first, second))
    other = _prefer(both(0, 0, 1, first[::-1], second[::-1]))
    if one is None or other is None:
        assert one == other
        return
    assert (one.chosen, one.rejected) == (other.rejected, other.chosen)
    assert (one.margin, one.consistent) == (other.margin, other.consistent)


def _prefer(said: list[Comparison]) -> Preference | None:
    return prefer(0, 1, values((0, 1), said), (0, 1), said)
