"""What a best-of-N run is told by: figures, and a table of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reward.best_of_n.curve import CHOICES, Point
from reward.offline.comparisons import flips
from reward.offline.records import RowRecord, unjudged_reasons


@dataclass(slots=True)
class Counts:
    """Sums over rows. ``unreadable`` rows have no candidates, and are in no figure of the curve;
    ``chosen`` of the others have a choice among all of their candidates.
    """

    rows: int = 0
    unreadable: int = 0
    chosen: int = 0
    both_orders: int = 0
    flipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, record: RowRecord) -> None:
        self.rows += 1
        self.unreadable += record.facts is None
        self.reasons.update(unjudged_reasons(record))
        both, flipped = flips(record.comparisons)
        self.both_orders += both
        self.flipped += flipped


@dataclass(frozen=True, slots=True)
class BestOfNReport:
    """The curve by rising N, and what stayed apart.

    ``gain`` is the judge's mean true score over a random choice's at the largest N, and
    ``share_of_oracle`` that gain over the oracle's; None where no true scores are known, or where
    the oracle gains nothing.
    """

    counts: Counts
    points: Sequence[Point]

    @property
    def gain(self) -> float | None:
        return self._over_random("judge")

    @property
    def share_of_oracle(self) -> float | None:
        best = self._over_random("oracle")
        return self.gain / best if self.gain is not None and best else None

    def to_json(self) -> dict[str, Any]:
        """The figures."""
        counts, last = self.counts, self.points[-1] if self.points else None
        return {
            "rows": counts.rows,
            "unreadable": counts.unreadable,
            "chosen": counts.chosen,
            "unjudged_reasons": dict(sorted(counts.reasons.items())),
            "n": last.n if last else 0,
            "gain": self.gain,
            "share_of_oracle": self.share_of_oracle,
            "unjudged_rate": last.unjudged if last else None,
            "tie_rate": last.tied if last else None,
            "position_flip_rate": counts.flipped / counts.both_orders
            if counts.both_orders
            else None,
            "curve": [
                {
                    "n": each.n,
                    **each.means,
                    "judge_spread": each.spread,
                    "unjudged_rate": each.unjudged,
                    "tie_rate": each.tied,
                }
                for each in self.points
            ],
        }

    def table(self) -> str:
        """The curve as a table in Markdown."""
        names = [name for name in CHOICES if self.points and name in self.points[0].means]
        head = ["N", *names, "unjudged", "tied"]
        lines = [head, ["---:"] * len(head)]
        lines += [
            [
                str(point.n),
                *(f"{point.means[name]:.3f}" for name in names),
                f"{point.unjudged:.1%}",
                f"{point.tied:.1%}",
            ]
            for point in self.points
        ]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _over_random(self, name: str) -> float | None:
        means = self.points[-1].means if self.points else {}
        return means[name] - means["random"] if name in means else None
