"""What a judgement is worth to a trainer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from judge.types import Usage
from judge.verdicts import Reason

Parts = tuple[tuple[str, float], ...]
"""Names of what a reward was made of, and the value of each."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The reward of one sample, or why there is none. Exactly one of ``value``, ``reason`` is set.

    Args:
        value: the reward, finite, within the rubric's ``reward_range``; None when unjudged.
        score: the judge's score on the rubric's scale; None when unjudged.
        reason: why there is no value; None when judged.
        rationale: the judge's reasoning; empty when unjudged or not asked for.
        detail: when unjudged, what came, for a person to read.
        usage: tokens that the judgement took.
        parts: what a composed or a group reward was made of; empty of a judge's alone. Those that
            are known are there when unjudged, too.

    Raises:
        ValueError: both or neither of a value and a reason, or a value that is not finite.
    """

    value: float | None
    score: float | None = None
    reason: Reason | None = None
    rationale: str = ""
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    parts: Parts = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(
                "a reward has either a value or a reason, "
                f"got value={self.value!r} and reason={self.reason!r}"
            )
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a reward's value must be finite, got {self.value!r}")
