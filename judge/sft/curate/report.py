"""What a run of curation made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from judge.sft.curate.funnel import Funnel


@dataclass(frozen=True, slots=True)
class CurateReport:
    """Rows of either file, rows by kind over both, and how many each step let through."""

    train: int
    validation: int
    kinds: dict[str, int]
    funnel: Funnel

    def to_json(self) -> dict[str, Any]:
        return {"train": self.train, "validation": self.validation, **self.kinds}
