"""Transforms to [0, 1] and the means over them, against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_recipes.molecules.chem.aggregate import Weighted, arithmetic_mean, geometric_mean
from rl_recipes.molecules.chem.transforms import (
    DoubleSigmoid,
    ReverseSigmoid,
    Sigmoid,
    Step,
    Transform,
)


def test_a_sigmoid_rises_around_its_middle() -> None:
    sigmoid = Sigmoid(low=2, high=4, k=0.2)
    assert sigmoid(3) == 0.5
    assert sigmoid(4) == pytest.approx(1 / (1 + 10**-1))  # 10 · 0.2 · (4 − 3) / 2 = 1
    assert sigmoid(2) == pytest.approx(1 - sigmoid(4))


def test_a_reverse_sigmoid_is_what_a_sigmoid_leaves() -> None:
    assert ReverseSigmoid(2, 4, 0.2)(4) == pytest.approx(1 - 1 / 1.1)


def test_a_double_sigmoid_is_half_at_its_ends() -> None:
    double = DoubleSigmoid(low=200, high=500, coef_div=500, coef_si=20, coef_se=10)
    assert double(200) == double(500) == 0.5
    assert double(100) == pytest.approx(1 / (1 + 10**4))  # 20 / 500 · 100 = 4
    assert double(600) == pytest.approx(1 - 1 / (1 + 10**-2))  # 10 / 500 · 100 = 2
    assert double(350) > 0.99


def test_a_step_holds_its_ends() -> None:
    assert [Step(1, 2)(value) for value in (0.9, 1, 2, 2.1)] == [0, 1, 1, 0]
    assert [Step(low=1)(value) for value in (0.9, 1e9)] == [0, 1]
    assert [Step(high=1)(value) for value in (-1e9, 1.1)] == [1, 0]


@pytest.mark.parametrize(
    "transform",
    [Sigmoid(0, 1), ReverseSigmoid(-5, 3, 2.0), DoubleSigmoid(0, 1), Step(0, 1)],
    ids=lambda transform: type(transform).__name__,
)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_brought_to_the_unit_interval(transform: Transform, value: float) -> None:
    assert 0 <= transform(value) <= 1


@pytest.mark.parametrize("kind", [Sigmoid, ReverseSigmoid, DoubleSigmoid])
def test_ends_the_wrong_way_round_are_refused(kind: type) -> None:
    with pytest.raises(ValueError, match="low below high"):
        kind(3, 2)


def test_steps_and_coefficients_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="low up to high"):
        Step(3, 2)
    with pytest.raises(ValueError, match="k above 0"):
        Sigmoid(0, 1, k=0)
    with pytest.raises(ValueError, match="coefficients above 0"):
        DoubleSigmoid(0, 1, coef_div=0)


def test_means_are_weighted() -> None:
    components = [Weighted(1.0, 3.0), Weighted(0.25, 1.0)]
    assert arithmetic_mean(components) == pytest.approx(3.25 / 4)
    assert geometric_mean(components) == pytest.approx(0.25**0.25)


def test_one_failure_makes_the_geometric_mean_zero() -> None:
    assert geometric_mean([Weighted(0.0), Weighted(1.0)]) == 0


@pytest.mark.parametrize("mean", [arithmetic_mean, geometric_mean])
def test_a_missing_component_makes_the_whole_missing(mean: object) -> None:
    assert callable(mean)
    assert mean([Weighted(1.0), Weighted(None)]) is None
    assert mean([Weighted(None), Weighted(None)]) is None  # and not 1.0, where all failed
    with pytest.raises(ValueError, match="at least one component"):
        mean([])


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_component_outside_of_the_unit_interval_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        Weighted(value)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_a_weight_is_above_zero(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        Weighted(0.5, weight)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 10)), min_size=1, max_size=5))
def test_means_lie_between_their_components(parts: list[tuple[float, float]]) -> None:
    components = [Weighted(value, weight) for value, weight in parts]
    values = [value for value, _ in parts]
    for mean in (arithmetic_mean(components), geometric_mean(components)):
        assert mean is not None
        assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
