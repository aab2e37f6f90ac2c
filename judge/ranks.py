"""Rank correlation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import correlation


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation with ties at their mean rank; None where it is not defined."""
    if len(first) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return correlation(_ranks(first), _ranks(second))


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    rank = {
        value: (bisect_left(ordered, value) + bisect_right(ordered, value) + 1) / 2
        for value in set(values)
    }
    return [rank[value] for value in values]
