"""What candidates are really worth, where that is known: it is measured, and never chosen by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from judge.errors import RequestError

Truth = Callable[[Mapping[str, Any], Sequence[str]], Sequence[float]]
"""From a row's columns and its candidates, as texts, to the true score of each."""
Scorer = Callable[[Mapping[str, Any], str], float]
"""From a row's columns and one candidate to its true score."""


def column_truth(column: str) -> Truth:
    """A column that holds a number for each candidate."""

    def truth(columns: Mapping[str, Any], candidates: Sequence[str]) -> Sequence[float]:
        return _checked(columns.get(column), len(candidates), f"column {column!r}")

    return truth


def scored_truth(scorer: Scorer, name: str = "the scorer") -> Truth:
    """A function that scores one candidate at a time."""

    def truth(columns: Mapping[str, Any], candidates: Sequence[str]) -> Sequence[float]:
        found = [scorer(columns, each) for each in candidates]
        return _checked(found, len(candidates), name)

    return truth


def import_scorer(name: str) -> Scorer:
    """The function that is named ``module:function``.

    Raises:
        RequestError: there is none.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise RequestError(f"no scorer {name!r}, expected module:function: {error}") from error
    if not callable(found):
        raise RequestError(f"{name!r} is no function")
    scorer: Scorer = found
    return scorer


def _checked(values: Any, count: int, name: str) -> Sequence[float]:
    is_right = isinstance(values, Sequence) and not isinstance(values, str)
    if is_right and len(values) == count and all(map(_is_number, values)):
        return [float(value) for value in values]
    raise RequestError(
        f"{name} has to give {count} finite numbers, one a candidate, got {str(values)[:80]}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
