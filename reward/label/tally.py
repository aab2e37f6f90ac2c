"""What became of a labelling run's rows and pairs, and how biased its judge was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from judge.verdicts import Verdict
from reward.label.balance import lead
from reward.label.pairs import Drop, RowPairs
from reward.offline.comparisons import Preference, flips
from reward.offline.records import RowRecord, unjudged_reasons


@dataclass(slots=True)
class Tally:
    """Counts that grow row by row, and take the same memory for any number of them.

    ``rows`` are all that were read; ``judged`` those of them with a verdict on two candidates or
    more; ``partly`` those of the judged ones of which something stayed unjudged.
    ``first_preferred`` counts comparisons, of ``decided`` ones of two candidates, in which the one
    shown first won.
    ``scores`` holds how often a candidate's mean score was each value, rounded to a tenth.
    """

    rows: int = 0
    judged: int = 0
    partly: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    dropped: Counter[Drop] = field(default_factory=Counter)
    pairs: int = 0
    leads: Counter[int] = field(default_factory=Counter)
    kept: int = 0
    kept_leads: Counter[int] = field(default_factory=Counter)
    both_orders: int = 0
    flipped: int = 0
    decided: int = 0
    first_preferred: int = 0
    scores: Counter[float] = field(default_factory=Counter)
    chosen_scores: Counter[float] = field(default_factory=Counter)
    rejected_scores: Counter[float] = field(default_factory=Counter)

    def add_row(self, pairs: RowPairs) -> None:
        """Counts a row and the pairs that its scores give."""
        record = pairs.record
        self.rows += 1
        self.judged += pairs.is_judged
        self.partly += pairs.is_judged and bool(record.failures)
        self.reasons.update(unjudged_reasons(record))
        self.dropped.update(pairs.dropped)
        both, flipped = flips(record.comparisons)
        self.both_orders += both
        self.flipped += flipped
        self._count_places(record)
        self.scores.update(round(value, 1) for value in pairs.values if value is not None)
        for pair in pairs.kept:
            self.pairs += 1
            self.leads[_lead(pair, record)] += 1

    def add_kept(self, pair: Preference, pairs: RowPairs) -> None:
        """Counts a pair that is written."""
        self.kept += 1
        self.kept_leads[_lead(pair, pairs.record)] += 1
        for counter, place in (
            (self.chosen_scores, pair.chosen),
            (self.rejected_scores, pair.rejected),
        ):
            value = pairs.values[place]
            assert value is not None  # a candidate without a verdict is in no pair
            counter[round(value, 1)] += 1

    @property
    def judged_share(self) -> float:
        """Of all rows those that were judged, in [0, 1]; 1 of none."""
        return self.judged / self.rows if self.rows else 1.0

    @property
    def funnel(self) -> list[tuple[str, int]]:
        """What was there at each step, and what was left out behind it."""
        steps = [("rows", self.rows), ("rows judged", self.judged)]
        steps += [(f"left out: {name}", count) for name, count in sorted(self.dropped.items())]
        return [*steps, ("pairs", self.kept)]

    def to_json(self) -> dict[str, Any]:
        """The figures; rates are None where there is nothing to take them of."""
        return {
            "rows": self.rows,
            "judged": self.judged,
            "judged_share": self.judged_share,
            "partly_judged": self.partly,
            "unjudged_reasons": dict(sorted(self.reasons.items())),
            "dropped": {str(name): count for name, count in sorted(self.dropped.items())},
            "pairs": self.kept,
            "longer_chosen": longer_share(self.leads),
            "longer_chosen_written": longer_share(self.kept_leads),
            "position_flip_rate": _share(self.flipped, self.both_orders),
            "first_preferred": _share(self.first_preferred, self.decided),
        }

    def _count_places(self, record: RowRecord) -> None:
        for comparison in record.comparisons:
            outcome = comparison.outcome
            if isinstance(outcome, Verdict) and len(outcome.scores) == 2:
                self.decided += outcome.best is not None
                self.first_preferred += outcome.best == 0


def longer_share(leads: Counter[int]) -> float | None:
    """Of the pairs of different lengths those whose chosen is the longer: how often a judge that
    only counts characters would agree. 0.5 is no leaning; None without such a pair.
    """
    return _share(leads[1], leads[1] + leads[-1])


def _lead(pair: Preference, record: RowRecord) -> int:
    assert record.facts is not None  # a row without candidates has no pair
    return lead(pair, record.facts.lengths)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
