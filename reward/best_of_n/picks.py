"""The judge's choice among some of a row's candidates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reward.best_of_n.knockout import Pair, Result, play, results
from reward.best_of_n.ties import TieBreak
from reward.offline.comparisons import values
from reward.offline.records import RowRecord


@dataclass(frozen=True, slots=True)
class Pick:
    """The place of the chosen candidate; None where none could be chosen, as the judge said nothing
    readable. ``tied`` tells whether others were as good and the tie rule decided.
    """

    place: int | None
    tied: bool = False


Picker = Callable[[Sequence[int]], Pick]
"""From some places, in the order of a draw, to the choice among them."""


def pick_by_value(record: RowRecord, ties: TieBreak) -> Picker:
    """The candidate of the highest mean score; those without a verdict are passed over."""
    facts = record.facts
    assert facts is not None
    valued = values(facts.equals, record.comparisons)

    def pick(places: Sequence[int]) -> Pick:
        known = [(value, place) for place in places if (value := valued[place]) is not None]
        if not known:
            return Pick(None)
        highest = max(known)[0]
        best = [place for value, place in known if value == highest]
        different = len({facts.equals[place] for place in best}) > 1
        return Pick(ties.pick(best, facts.lengths, record.row), different)

    return pick


def pick_by_knockout(record: RowRecord, ties: TieBreak) -> Picker:
    """The winner of the bracket of these places; see :mod:`reward.best_of_n.knockout`."""
    facts = record.facts
    assert facts is not None
    known: dict[Pair, Result] = results(record.comparisons)

    def pick(places: Sequence[int]) -> Pick:
        broken: list[Pair] = []

        def break_tie(pair: Pair) -> int:
            broken.append(pair)
            return ties.pick(pair, facts.lengths, record.row)

        return Pick(play(places, facts.equals, known, break_tie), bool(broken))

    return pick
