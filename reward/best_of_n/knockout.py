"""A knockout: candidates meet two by two, winners go on, and N candidates take N - 1 meetings."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from judge.types import JudgeRequest
from reward.best_of_n.ties import TieBreak
from reward.offline.comparisons import Comparison, first_of_equals, values
from reward.offline.schemes import Ask, compare_orders

Pair = tuple[int, int]
"""Places of two candidates, the lower one first."""
Result = int | Literal["tie", "unjudged"]
"""Place of the winner, or that there is none."""


@dataclass(frozen=True, slots=True)
class Knockout:
    """A :class:`~reward.offline.schemes.Scheme` of several knockouts, one a seed.

    Each draws its own bracket, in which the first 2, 4, 8, … candidates meet among themselves
    first: so the bracket of 16 holds those of 8, 4 and 2 as well. Two that meet in several brackets
    are judged once. A meeting counts where it was judged in every order; where it was not, nobody
    wins it, and its bracket ends there.
    """

    seeds: int = 3
    both_orders: bool = True
    protocol: Literal["pairwise", "choice"] = "pairwise"
    ties: TieBreak = field(default_factory=TieBreak)

    async def compare(self, request: JudgeRequest, ask: Ask, row: int) -> tuple[Comparison, ...]:
        equals = first_of_equals(request.candidates)
        lengths = [
            len(each.text if each.molecule is None else each.molecule)
            for each in request.candidates
        ]
        brackets = [draw(len(equals), seed, row) for seed in range(self.seeds)]
        comparisons: tuple[Comparison, ...] = ()
        while pairs := self._open(brackets, equals, lengths, comparisons, row):
            met = len({each.match for each in comparisons})
            orders = [
                (met + number, order)
                for number, pair in enumerate(pairs)
                for order in ((pair, pair[::-1]) if self.both_orders else (pair,))
            ]
            comparisons += await compare_orders(request, orders, self.protocol, ask)
        return comparisons

    def _open(
        self,
        brackets: Sequence[Sequence[int]],
        equals: Sequence[int],
        lengths: Sequence[int],
        comparisons: Sequence[Comparison],
        row: int,
    ) -> list[Pair]:
        """The meetings that are due next in any bracket."""
        due: dict[Pair, None] = {}
        known = results(comparisons)
        for bracket in brackets:
            play(bracket, equals, known, self._breaker(lengths, row), due)
        return list(due)

    def _breaker(self, lengths: Sequence[int], row: int) -> Callable[[Pair], int]:
        return lambda pair: self.ties.pick(pair, lengths, row)


def draw(count: int, seed: int, row: int) -> list[int]:
    """The places of a row's candidates in random order: whom N takes, and who meets whom."""
    return random.Random(f"draw/{seed}/{row}").sample(range(count), count)


def results(comparisons: Sequence[Comparison]) -> dict[Pair, Result]:
    """How each meeting ended."""
    meetings: defaultdict[int, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        meetings[comparison.match].append(comparison)
    found: dict[Pair, Result] = {}
    for met in meetings.values():
        one, other = sorted(met[0].order)
        valued = values(range(other + 1), met)
        of_one, of_other = valued[one], valued[other]
        if of_one is None or of_other is None:
            found[one, other] = "unjudged"
        else:
            winner = one if of_one > of_other else other
            found[one, other] = "tie" if of_one == of_other else winner
    return found


def play(
    bracket: Sequence[int],
    equals: Sequence[int],
    known: Mapping[Pair, Result],
    break_tie: Callable[[Pair], int],
    due: dict[Pair, None] | None = None,
) -> int | None:
    """The winner of a bracket; None where a meeting is unjudged, or not known yet.

    Args:
        bracket: places in the order in which they are drawn.
        equals: for each candidate the place of the first that equals it, which meets in its stead;
            of two equal ones the first goes on.
        known: how meetings ended.
        break_tie: the winner of a tied meeting.
        due: takes up the meetings that are due and not known.
    """
    if len(bracket) == 1:
        return bracket[0]
    half = 1 << ((len(bracket) - 1).bit_length() - 1)
    one = play(bracket[:half], equals, known, break_tie, due)
    other = play(bracket[half:], equals, known, break_tie, due)
    if one is None or other is None:
        return None
    first, second = equals[one], equals[other]
    if first == second:
        return one
    pair = (min(first, second), max(first, second))
    result = known.get(pair)
    if result is None and due is not None:
        due[pair] = None
    if result is None or result == "unjudged":
        return None
    winner = break_tie(pair) if result == "tie" else result
    return one if winner == first else other
