"""Listwise judging: several candidates at once, reasoning about all, a score each.

The reply ends in as many answer tags as there are candidates, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.protocols.base import ScoringProtocol
from judge.protocols.reply import Unreadable
from judge.types import JudgeRequest, Reason

MAX_CANDIDATES = 26
"""Most candidates of one request: they are named by a letter each."""


@dataclass(frozen=True, slots=True)
class Listwise(ScoringProtocol):
    """Asks for a score a candidate; equal ones are refused where the rubric forbids ties."""

    name = "listwise"
    least = 2
    most = MAX_CANDIDATES

    def choose(
        self, scores: tuple[float, ...], request: JudgeRequest
    ) -> tuple[float, ...] | Unreadable:
        count = len(request.candidates)
        if len(scores) != count:
            return Unreadable(
                Reason.SEVERAL_ANSWERS, f"{len(scores)} answers for {count} candidates"
            )
        if request.rubric.ties == "forbidden" and len(set(scores)) < count:
            return Unreadable(Reason.TIED, f"the rubric forbids ties, got {scores}")
        return scores
