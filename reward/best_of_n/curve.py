"""What choosing brings: the true score of the judge's choice by N, beside choices without a judge.

Every row counts in every figure. Where the judge could choose none, its choice is worth what a
random one is on average: nothing better could be done, and no row is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from reward.best_of_n.knockout import draw
from reward.best_of_n.picks import Picker

CHOICES = ("judge", "random", "majority", "longest", "oracle")


@dataclass(frozen=True, slots=True)
class Point:
    """Mean true scores at one N, over all rows and seeds; ``spread`` is the standard deviation of
    the judge's over the seeds. ``unjudged`` and ``tied`` are shares of the choices.
    """

    n: int
    means: dict[str, float]
    spread: float
    unjudged: float
    tied: float


@dataclass(frozen=True, slots=True)
class Choices:
    """What a row's choices are made from.

    ``truth`` holds the candidates' true scores; it is None where they are not known, in all rows
    then.
    """

    row: int
    texts: Sequence[str]
    pick: Picker
    truth: Sequence[float] | None

    def among(self, places: Sequence[int]) -> dict[str, float]:
        """The true score of each choice among these places, and 1 where the judge's is ``unjudged``
        or was ``tied``.
        """
        chosen = self.pick(places)
        found = {"unjudged": float(chosen.place is None), "tied": float(chosen.tied)}
        if self.truth is None:
            return found
        by_chance = fmean(self.truth)
        return {
            **found,
            "judge": by_chance if chosen.place is None else self.truth[chosen.place],
            "random": by_chance,
            "majority": self.truth[majority(places, self.texts)],
            "longest": self.truth[max(places, key=lambda place: len(self.texts[place]))],
            "oracle": max(self.truth[place] for place in places),
        }


class Curve:
    """Sums that grow row by row; they take the same memory for any number of rows.

    Args:
        seeds: draws of which candidates are the first N.
    """

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._rows_of: Counter[int] = Counter()  # by their number of candidates
        self._of_powers: defaultdict[tuple[int, int], _Sums] = defaultdict(_sums)
        self._of_all: defaultdict[tuple[int, int], _Sums] = defaultdict(_sums)

    @property
    def rows(self) -> int:
        return self._rows_of.total()

    def add(self, choices: Choices) -> None:
        """Counts a row."""
        count = len(choices.texts)
        self._rows_of[count] += 1
        for seed in range(self._seeds):
            order = draw(count, seed, choices.row)
            for n in _powers(count):
                _add(self._of_powers[seed, n], choices.among(order[:n]))
            _add(self._of_all[seed, count], choices.among(order))

    def points(self) -> list[Point]:
        """The curve, by rising N. A row of fewer candidates than N counts with all it has."""
        largest = max(self._rows_of, default=0)
        return [self._point(n) for n in dict.fromkeys((*_powers(largest), largest)) if n]

    def _point(self, n: int) -> Point:
        by_seed = [self._means(seed, n) for seed in range(self._seeds)]
        means = {
            name: fmean(each[name] for each in by_seed) for name in CHOICES if name in by_seed[0]
        }
        return Point(
            n,
            means,
            spread=pstdev(each["judge"] for each in by_seed) if means else 0.0,
            unjudged=fmean(each["unjudged"] for each in by_seed),
            tied=fmean(each["tied"] for each in by_seed),
        )

    def _means(self, seed: int, n: int) -> dict[str, float]:
        """Over all rows: of those that have more than N candidates, the choice among the first N of
        them.
        """
        total = _sums()
        for count in self._rows_of:
            if count <= n:
                _add(total, self._of_all[seed, count])
        more = self._of_powers.get((seed, n))
        if more is not None:
            exactly = self._of_all.get((seed, n), _sums())
            _add(total, {name: value - exactly.get(name, 0.0) for name, value in more.items()})
        return {name: value / self.rows for name, value in total.items()}


_Sums = defaultdict[str, float]


def _sums() -> _Sums:
    return defaultdict(float)


def _add(sums: _Sums, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        sums[name] += value


def _powers(count: int) -> list[int]:
    """The powers of two up to a number of candidates."""
    return [1 << power for power in range(count.bit_length())]


def majority(places: Sequence[int], texts: Sequence[str]) -> int:
    """The first place of the text that most candidates share, case and white space aside."""
    plain = {place: " ".join(texts[place].lower().split()) for place in places}
    counts = Counter(plain[place] for place in places)
    return max(places, key=lambda place: counts[plain[place]])
