"""From a property's value to a desirability in [0, 1].

The formulas are those of REINVENT4 (H. H. Loeffler et al., J. Cheminformatics 16:20, 2024; its
``scoring/transforms``): sigmoids to the base of ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Transform = Callable[[float], float]
"""From a finite number to [0, 1]."""


def _logistic10(exponent: float) -> float:
    """1 / (1 + 10^−exponent), without overflow."""
    if exponent >= 0:
        return 1.0 / (1.0 + math.pow(10.0, -min(exponent, 300.0)))
    power = math.pow(10.0, max(exponent, -300.0))
    return power / (1.0 + power)


def _check_ends(name: str, low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"{name} takes low below high, got low={low}, high={high}")


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """Rises from 0 to 1 with its middle between ``low`` and ``high``:

        1 / (1 + 10^(−10 k (x − (low + high) / 2) / (high − low)))

    Raises:
        ValueError: ``low`` not below ``high``, or ``k`` not above 0.
    """

    low: float
    high: float
    k: float = 0.5

    def __post_init__(self) -> None:
        _check_ends("a sigmoid", self.low, self.high)
        if not self.k > 0:
            raise ValueError(f"a sigmoid takes k above 0, got {self.k}")

    def __call__(self, value: float) -> float:
        middle = (self.low + self.high) / 2
        return _logistic10(10 * self.k * (value - middle) / (self.high - self.low))


@dataclass(frozen=True, slots=True)
class ReverseSigmoid:
    """1 minus :class:`Sigmoid`: falls from 1 to 0.

    Raises:
        ValueError: as there.
    """

    low: float
    high: float
    k: float = 0.5

    def __post_init__(self) -> None:
        Sigmoid(self.low, self.high, self.k)

    def __call__(self, value: float) -> float:
        return 1.0 - Sigmoid(self.low, self.high, self.k)(value)


@dataclass(frozen=True, slots=True)
class DoubleSigmoid:
    """High between ``low`` and ``high``, ½ at the two ends, 0 far from them:

        left of the middle    1 / (1 + 10^(−(coef_si / coef_div) (x − low)))
        right of it       1 − 1 / (1 + 10^(−(coef_se / coef_div) (x − high)))

    Raises:
        ValueError: ``low`` not below ``high``, or a coefficient not above 0.
    """

    low: float
    high: float
    coef_div: float = 100.0
    coef_si: float = 150.0
    coef_se: float = 150.0

    def __post_init__(self) -> None:
        _check_ends("a double sigmoid", self.low, self.high)
        if not min(self.coef_div, self.coef_si, self.coef_se) > 0:
            raise ValueError(f"a double sigmoid takes coefficients above 0, got {self}")

    def __call__(self, value: float) -> float:
        if value < (self.low + self.high) / 2:
            return _logistic10(self.coef_si / self.coef_div * (value - self.low))
        return 1.0 - _logistic10(self.coef_se / self.coef_div * (value - self.high))


@dataclass(frozen=True, slots=True)
class Step:
    """1 within [low, high], both ends included, 0 outside. One end left out makes it one-sided.

    Raises:
        ValueError: ``low`` above ``high``.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"a step takes low up to high, got low={self.low}, high={self.high}")

    def __call__(self, value: float) -> float:
        return float(self.low <= value <= self.high)
