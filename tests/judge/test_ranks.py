"""Spearman's correlation against SciPy's, ties and all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from judge.ranks import spearman

_pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40)


@given(_pairs)
def test_it_is_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = spearman(first, second)
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic)


def test_two_values_have_no_correlation() -> None:
    assert spearman((1, 2), (2, 1)) is None
