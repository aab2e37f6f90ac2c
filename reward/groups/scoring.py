"""How a group is scored, as settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from judge.protocols.listwise import MAX_CANDIDATES
from reward.groups.matches import Order, list_orders, pairings

Match = tuple[Order, ...]
"""One comparison in each order in which it is asked: it counts where all of them are judged."""


@dataclass(frozen=True, slots=True)
class PairwiseScoring:
    """Candidates are compared two by two; each gets its win rate over the comparisons judged.

    ``neighbours`` None is a round robin, else see :func:`~reward.groups.matches.pairings`. With
    ``both_orders`` each pair is asked in both, and worth the mean of them. Calls of the judge for a
    group of G: G·(G − 1)/2 or G·neighbours pairs, twice that with both orders.

    Raises:
        ValueError: ``neighbours`` below 1.
    """

    neighbours: int | None = None
    both_orders: bool = True
    protocol: Literal["pairwise", "choice"] = "pairwise"

    def __post_init__(self) -> None:
        if self.neighbours is not None and self.neighbours < 1:
            raise ValueError(f"neighbours is at least 1, got {self.neighbours}")

    def matches(self, count: int) -> list[Match]:
        """The comparisons of that many candidates."""
        pairs = pairings(count, self.neighbours)
        return [(pair, pair[::-1]) if self.both_orders else (pair,) for pair in pairs]


@dataclass(frozen=True, slots=True)
class ListwiseScoring:
    """The judge is shown all candidates at once; each gets its rank in [0, 1], the mean of several
    orders of the list.

    Calls of the judge for a group, which has 26 candidates at most: ``permutations``.

    Raises:
        ValueError: ``permutations`` below 1.
    """

    permutations: int = 2
    protocol: Literal["listwise"] = "listwise"

    def __post_init__(self) -> None:
        if self.permutations < 1:
            raise ValueError(f"permutations is at least 1, got {self.permutations}")

    def matches(self, count: int) -> list[Match]:
        """The comparisons of that many candidates.

        Raises:
            ValueError: they are too many for one list.
        """
        if count > MAX_CANDIDATES:
            raise ValueError(
                f"listwise scoring takes {MAX_CANDIDATES} different candidates at most, got "
                f"{count}; use pairwise with neighbours"
            )
        return [(order,) for order in list_orders(count, self.permutations)]


@dataclass(frozen=True, slots=True)
class GroupScoring:
    """Comparisons within a group, beside the pointwise reward, which is anchored in the rubric.

    Where ``pointwise_weight``, w in [0, 1), is above 0, each candidate is judged alone, too, at one
    call more each, and its reward is w · pointwise + (1 − w) · comparison.

    Raises:
        ValueError: a weight outside [0, 1).
    """

    comparison: PairwiseScoring | ListwiseScoring = PairwiseScoring()
    pointwise_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.pointwise_weight < 1:
            raise ValueError(
                "pointwise_weight is in [0, 1), as 1 compares nothing: ask for pointwise rewards "
                f"then; got {self.pointwise_weight}"
            )

    def matches(self, count: int) -> list[Match]:
        """The comparisons of that many different candidates.

        Raises:
            ValueError: they are too many for one list.
        """
        return self.comparison.matches(count) if count > 1 else []

    def calls(self, count: int) -> int:
        """Calls of the judge for a group of that many different candidates.

        Raises:
            ValueError: as :meth:`matches`.
        """
        compared = sum(len(match) for match in self.matches(count))
        return compared + (count if self.pointwise_weight else 0)
