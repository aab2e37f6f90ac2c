from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.groups.matches import list_orders, pairings, standings

SCORES = st.lists(st.integers(1, 10).map(float), min_size=2, max_size=12).map(tuple)


@given(st.integers(0, 12))
def test_a_round_robin_is_every_pair_once(count: int) -> None:
    assert pairings(count) == list(combinations(range(count), 2))


@given(st.integers(2, 16), st.integers(1, 20))
def test_with_neighbours_all_take_part_equally_often_in_no_pair_twice(
    count: int, neighbours: int
) -> None:
    pairs = pairings(count, neighbours)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(one != other for one, other in pairs)
    taken = Counter(place for pair in pairs for place in pair)
    assert set(taken.values()) == {min(2 * neighbours, count - 1)}
    assert len(taken) == count


def test_neighbours_on_a_circle() -> None:
    assert pairings(5, 1) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]


@given(st.integers(2, 12), st.integers(1, 12))
def test_list_orders_are_permutations(count: int, permutations: int) -> None:
    orders = list_orders(count, permutations)
    assert len(orders) == permutations
    assert all(sorted(order) == list(range(count)) for order in orders)


@given(st.integers(2, 12), st.integers(1, 6).map(lambda half: 2 * half))
def test_an_even_number_of_orders_shows_each_in_the_middle_on_average(
    count: int, permutations: int
) -> None:
    orders = list_orders(count, permutations)
    for place in range(count):
        mean = sum(order.index(place) for order in orders) / permutations
        assert mean == pytest.approx((count - 1) / 2)


def test_rotations_are_spread_over_the_list() -> None:
    assert list_orders(4, 4) == [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 0, 3, 2)]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((7.0, 3.0), (1.0, 0.0)),
        ((3.0, 7.0), (0.0, 1.0)),
        ((5.0, 5.0), (0.5, 0.5)),
        ((1.0, 5.0, 5.0, 9.0), (0.0, 0.5, 0.5, 1.0)),
        ((2.0, 2.0, 2.0), (0.5, 0.5, 0.5)),
    ],
)
def test_standings(scores: tuple[float, ...], expected: tuple[float, ...]) -> None:
    assert standings(scores) == pytest.approx(expected)


@given(SCORES)
def test_standings_are_shares_that_average_one_half(scores: tuple[float, ...]) -> None:
    found = standings(scores)
    assert all(0 <= each <= 1 for each in found)
    assert sum(found) / len(found) == pytest.approx(0.5)
    assert [(a < b) for a in scores for b in scores] == [(a < b) for a in found for b in found]
