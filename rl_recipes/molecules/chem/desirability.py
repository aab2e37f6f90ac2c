"""One number for what a chemist likes of a molecule, whatever was wished for.

The geometric mean of drug-likeness, ease of synthesis and freedom from structural alerts: what a
policy may not pay a granted wish with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rl_recipes.molecules.chem.aggregate import Weighted, geometric_mean
from rl_recipes.molecules.chem.alerts import alerts
from rl_recipes.molecules.chem.properties import qed
from rl_recipes.molecules.chem.sa import sa_score
from rl_recipes.molecules.chem.transforms import ReverseSigmoid, Sigmoid, Transform


@dataclass(frozen=True, slots=True)
class Component:
    """A property with its transform to [0, 1] and its weight."""

    compute: Callable[[Any], float]
    transform: Transform
    weight: float = 1.0

    def value(self, molecule: Any) -> Weighted:
        return Weighted(self.transform(self.compute(molecule)), self.weight)


def _count_alerts(molecule: Any) -> float:
    return float(len(alerts(molecule)))


COMPONENTS: tuple[Component, ...] = (
    Component(qed, Sigmoid(low=0.2, high=0.8)),
    Component(sa_score, ReverseSigmoid(low=2.0, high=6.0)),
    Component(_count_alerts, ReverseSigmoid(low=0.0, high=4.0), weight=0.5),
)


def desirability(molecule: Any) -> float:
    """In [0, 1]; takes one whole molecule, and about 5 ms."""
    mean = geometric_mean(component.value(molecule) for component in COMPONENTS)
    assert mean is not None, "every component of a valid molecule has a value"
    return mean
