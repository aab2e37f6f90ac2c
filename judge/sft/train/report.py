"""What came of a fine-tuning run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class SftReport:
    """Figures of one run.

    ``rows`` were trained on and ``held_out_rows`` held out; ``too_long`` and ``held_out_too_long``
    name those that were left out as longer than the limit. ``tokens`` is the length of all training
    rows, replies included. ``steps`` is how many the run has done, ``resumed_from`` the step at
    which this call began, and ``best_step`` that of the weights that were kept, where the best were
    looked for. ``train_loss`` is the mean over this call's steps; ``seconds`` is the time of these
    steps, and ``tokens_per_s`` is over it, all processes together. ``held_out`` holds figures of
    the kept weights by the names they are logged under, and is empty without held-out rows.
    """

    output: str
    base: str
    rows: int
    held_out_rows: int
    too_long: tuple[str, ...]
    held_out_too_long: tuple[str, ...]
    tokens: int
    steps: int
    resumed_from: int
    best_step: int | None
    train_loss: float
    seconds: float
    tokens_per_s: float
    held_out: Mapping[str, float]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    def write(self) -> None:
        """Writes ``report.json`` into the judge's folder."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (Path(self.output) / REPORT).write_text(f"{text}\n", encoding="utf-8")

    def summary(self) -> str:
        """The figures for a person to read."""
        left_out = len(self.too_long) + len(self.held_out_too_long)
        lines = [
            f"{self.output}: {self.steps} steps on {self.rows} rows ({self.tokens} tokens)",
            f"loss {self.train_loss:.4f}, {self.seconds:.0f} s, {self.tokens_per_s:.0f} tokens/s",
        ]
        if self.resumed_from:
            lines.append(f"went on from step {self.resumed_from}")
        if left_out:
            lines.append(f"left out as too long: {left_out} rows, named in {REPORT}")
        if self.best_step is not None:
            lines.append(f"the best weights are those of step {self.best_step}")
        lines += [f"  {name:<34s} {value:.4f}" for name, value in self.held_out.items()]
        return "\n".join(lines)
