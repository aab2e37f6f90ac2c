"""How many rows each step of curation let through, and why it dropped the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_EXAMPLES = 3
"""Examples that are kept of each reason."""


@dataclass(slots=True)
class Stage:
    """One step. ``entered`` rows came in, ``dropped`` counts those that went no further by reason,
    ``examples`` names a few of them, and ``added`` counts rows that the step made.

    ``noted`` counts what happened to rows without dropping them.
    """

    name: str
    entered: int = 0
    added: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return self.entered - self.dropped.total() + self.added

    def drop(self, reason: str, example: str = "") -> None:
        """Counts a row that goes no further; ``example`` says which one, or what was wrong."""
        self.dropped[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if example and len(examples) < _EXAMPLES:
            examples.append(example)

    def to_json(self) -> dict[str, Any]:
        return {
            "stage": self.name,
            "in": self.entered,
            "dropped": dict(sorted(self.dropped.items())),
            "added": self.added,
            "out": self.left,
            "noted": dict(sorted(self.noted.items())),
            "examples": {name: self.examples[name] for name in sorted(self.examples)},
        }


@dataclass(slots=True)
class Funnel:
    """The steps in order."""

    stages: list[Stage] = field(default_factory=list)

    def stage(self, name: str, entered: int = 0) -> Stage:
        """A new step behind the others."""
        self.stages.append(Stage(name, entered))
        return self.stages[-1]

    def to_json(self) -> list[dict[str, Any]]:
        return [stage.to_json() for stage in self.stages]

    def table(self) -> str:
        """The steps as a table in Markdown, which reads well on a terminal too."""
        rows = [("step", "in", "out", "what happened")]
        for stage in self.stages:
            counts = [f"−{count} {reason}" for reason, count in sorted(stage.dropped.items())]
            if stage.added:
                counts.append(f"+{stage.added} added")
            counts += [f"{count} {what}" for what, count in sorted(stage.noted.items())]
            rows.append((stage.name, str(stage.entered), str(stage.left), ", ".join(counts) or "–"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"| {row[0]:{widths[0]}s} | {row[1]:>{widths[1]}s} | {row[2]:>{widths[2]}s} "
            f"| {row[3]:{widths[3]}s} |"
            for row in rows
        ]
        rule = f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 1)}:|{'-' * (widths[2] + 1)}:"
        return "\n".join([lines[0], f"{rule}|{'-' * (widths[3] + 2)}|", *lines[1:]])
