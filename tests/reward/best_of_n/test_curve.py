"""What choosing brings, beside choices without a judge."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reward.best_of_n.curve import Choices, Curve, Point, majority
from reward.best_of_n.picks import Pick

TRUTH = [0.1, 0.9, 0.4, 0.6]
TEXTS = ["a", "bb", "ccc", "A "]


def by(values: Sequence[float]) -> object:
    return lambda places: Pick(max(places, key=lambda place: values[place]))


def points_of(*rows: Choices, seeds: int = 2) -> list[Point]:
    curve = Curve(seeds)
    for row in rows:
        curve.add(row)
    return curve.points()


def test_a_judge_that_knows_the_truth_is_the_oracle() -> None:
    rows = [Choices(number, TEXTS, by(TRUTH), TRUTH) for number in range(30)]
    points = points_of(*rows)
    assert [point.n for point in points] == [1, 2, 4]
    for point in points:
        assert point.means["judge"] == pytest.approx(point.means["oracle"])
        assert point.means["random"] == pytest.approx(0.5)
        assert point.unjudged == 0
    judged = [point.means["judge"] for point in points]
    assert judged == sorted(judged)
    assert judged[-1] == pytest.approx(0.9)


def test_the_longest_and_the_majority_are_chosen_without_a_judge() -> None:
    last = points_of(Choices(0, TEXTS, by(TRUTH), TRUTH))[-1]
    assert last.means["longest"] == pytest.approx(0.4)
    assert 0.1 <= last.means["majority"] <= 0.6  # the first or the last, as each seed draws
    assert last.means["majority"] != pytest.approx(0.4)
    assert majority([1, 3, 0], TEXTS) == 3
    assert majority([1, 2], TEXTS) == 1


def test_a_row_without_a_choice_counts_as_a_random_one() -> None:
    unjudged = Choices(0, TEXTS, lambda _: Pick(None), TRUTH)
    right = Choices(1, TEXTS, by(TRUTH), TRUTH)
    last = points_of(unjudged, right)[-1]
    assert last.means["judge"] == pytest.approx((0.5 + 0.9) / 2)
    assert last.unjudged == 0.5


def test_rows_of_fewer_candidates_count_with_all_they_have() -> None:
    few = Choices(0, ["a", "b", "c"], by([1, 2, 3]), [1.0, 2.0, 3.0])
    many = Choices(1, list("abcde"), by([1, 2, 3, 4, 5]), [1.0, 2.0, 3.0, 4.0, 5.0])
    points = {point.n: point for point in points_of(few, many, seeds=1)}
    assert sorted(points) == [1, 2, 4, 5]
    assert points[5].means["oracle"] == pytest.approx((3 + 5) / 2)
    assert (3 + 4) / 2 <= points[4].means["oracle"] <= (3 + 5) / 2
    assert points[4].means["random"] == pytest.approx((2 + 3) / 2)


def test_without_true_scores_there_are_rates_alone() -> None:
    (point,) = points_of(Choices(0, ["a"], lambda _: Pick(0, tied=True), None))
    assert (point.means, point.tied, point.spread) == ({}, 1.0, 0.0)


def test_no_rows_give_no_points() -> None:
    assert points_of() == []
