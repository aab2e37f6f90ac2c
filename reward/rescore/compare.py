"""Two judgements of the same candidates, compared."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from statistics import fmean
from typing import Any

from judge.ranks import spearman
from reward.offline.comparisons import flips
from reward.offline.records import RowRecord, unjudged_reasons
from reward.rescore.before import Before


class Agreement(StrEnum):
    """How two judgements of two candidates stand to each other."""

    SAME = "same"
    REVERSED = "reversed"
    TIE_BEFORE = "tie before"
    TIE_AFTER = "tie after"
    TIE_BOTH = "tie both times"
    UNJUDGED = "unjudged"


Scores = Sequence[float | None]
_EVEN = (0.0, 0.0)


@dataclass(slots=True)
class Comparisons:
    """Sums over rows. Of ``without_before`` rows nothing was said before; ``problem`` tells what
    the first of them lacks.

    ``before`` and ``after`` hold the scores of candidates that were judged both times: 16 bytes a
    candidate, which is all that grows with the rows. A row without earlier scores, but with an
    order, adds none.
    """

    rows: int = 0
    unreadable: int = 0
    agreements: Counter[Agreement] = field(default_factory=Counter)
    before: array[float] = field(default_factory=lambda: array("d"))
    after: array[float] = field(default_factory=lambda: array("d"))
    candidates: int = 0
    both_orders: int = 0
    flipped: int = 0
    without_before: int = 0
    problem: str = ""
    makers: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, record: RowRecord, before: Before, after: Scores) -> Counter[Agreement]:
        """Counts a row of which ``after`` are the new scores; returns its own agreements."""
        assert record.facts is not None  # it has candidates
        equals = record.facts.equals
        own = Counter(
            agreement(
                (before.scores[one], before.scores[other]),
                # Equal candidates are not compared: no judge could tell them apart.
                _EVEN if equals[one] == equals[other] else (after[one], after[other]),
            )
            for one, other in combinations(range(len(after)), 2)
        )
        self.add_record(record)
        self.agreements.update(own)
        self.candidates += len(after)
        self.makers[before.judge, before.rubric] += 1
        for old, new in zip(before.scores, after, strict=True):
            if old is not None and new is not None and not before.is_order:
                self.before.append(old)
                self.after.append(new)
        return own

    def add_record(self, record: RowRecord) -> None:
        """Counts what is known of every row."""
        self.rows += 1
        self.unreadable += record.facts is None
        self.reasons.update(unjudged_reasons(record))
        both, flipped = flips(record.comparisons)
        self.both_orders += both
        self.flipped += flipped

    def add_without_before(self, record: RowRecord, problem: str) -> None:
        """Counts a row of which nothing was said before."""
        self.add_record(record)
        self.without_before += 1
        self.problem = self.problem or problem

    def to_json(self) -> dict[str, Any]:
        """The figures. ``agreement`` and ``reversed`` are shares of all pairs of candidates, ties
        and unjudged ones among them; correlations and means are over candidates judged both times.
        """
        pairs = self.agreements.total()
        compared = len(self.before)
        same = sum(old == new for old, new in zip(self.before, self.after, strict=True))
        return {
            "rows": self.rows,
            "unreadable": self.unreadable,
            "without_before": self.without_before,
            "unjudged_reasons": dict(sorted(self.reasons.items())),
            "candidates": self.candidates,
            "pairs": pairs,
            "agreement": self.agreements[Agreement.SAME] / pairs if pairs else None,
            "reversed": self.agreements[Agreement.REVERSED] / pairs if pairs else None,
            "pairs_by_agreement": {str(name): self.agreements[name] for name in Agreement},
            "position_flip_rate": self.flipped / self.both_orders if self.both_orders else None,
            "scores_compared": compared,
            "spearman": spearman(self.before, self.after),
            "mean_before": fmean(self.before) if compared else None,
            "mean_after": fmean(self.after) if compared else None,
            "equal_scores": same / compared if compared else None,
            "judged_before_by": [
                {"judge": judge, "rubric": rubric, "rows": count}
                for (judge, rubric), count in sorted(self.makers.items())
            ],
        }


def agreement(before: Scores, after: Scores) -> Agreement:
    """How two scores before stand to the two after."""
    if None in (*before, *after):
        return Agreement.UNJUDGED
    old, new = _sign(before), _sign(after)
    if old == new:
        return Agreement.SAME if old else Agreement.TIE_BOTH
    if old and new:
        return Agreement.REVERSED
    return Agreement.TIE_AFTER if old else Agreement.TIE_BEFORE


def table(figures: dict[str, Any]) -> str:
    """The figures that matter most as a table in Markdown."""
    lines = [("rows", str(figures["rows"])), ("pairs of candidates", str(figures["pairs"]))]
    lines += [(f"- {name}", str(count)) for name, count in figures["pairs_by_agreement"].items()]
    lines += [
        (name.replace("_", " "), _shown(figures[name]))
        for name in (
            "agreement",
            "reversed",
            "position_flip_rate",
            "spearman",
            "mean_before",
            "mean_after",
            "equal_scores",
        )
    ]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {text} |" for name, text in lines)])


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


def _sign(scores: Scores) -> int:
    one, other = (each for each in scores if each is not None)
    return (one > other) - (one < other)
