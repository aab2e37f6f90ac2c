"""One number from several components, each in [0, 1] with a weight.

A missing component (None) makes the whole missing. Where it is passed over instead, as in
REINVENT4's means, a molecule scores best when every component failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weighted:
    """A component's value in [0, 1], None where it could not be had, and its weight.

    Raises:
        ValueError: a value outside [0, 1] (NaN as well), or a weight that is not above 0.
    """

    value: float | None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.value is not None and not 0 <= self.value <= 1:
            raise ValueError(f"a component is in [0, 1], or None if missing, got {self.value!r}")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"a weight is above 0 and finite, got {self.weight}")


def arithmetic_mean(components: Iterable[Weighted]) -> float | None:
    """Σ wᵢ xᵢ / Σ wᵢ, in [0, 1]; None where one is missing.

    Raises:
        ValueError: no components.
    """
    known = _all_known(components)
    if known is None:
        return None
    return min(1.0, math.fsum(value * weight for value, weight in known) / _total(known))


def geometric_mean(components: Iterable[Weighted]) -> float | None:
    """(Π xᵢ^wᵢ)^(1 / Σ wᵢ), in [0, 1]: 0 where one is 0; None where one is missing.

    Raises:
        ValueError: no components.
    """
    known = _all_known(components)
    if known is None:
        return None
    total = _total(known)
    return math.prod(math.pow(value, weight / total) for value, weight in known)


def _all_known(components: Iterable[Weighted]) -> list[tuple[float, float]] | None:
    known = []
    missing = False
    for each in components:
        if each.value is None:
            missing = True
        else:
            known.append((each.value, each.weight))
    if not known and not missing:
        raise ValueError("a mean takes at least one component, got none")
    return None if missing else known


def _total(known: list[tuple[float, float]]) -> float:
    return math.fsum(weight for _, weight in known)
