"""Pointwise judging: one candidate, reasoning, one score.

The reply is ``<think>reasoning</think><answer>score</answer>`` (Flex-Judge, arXiv 2505.18601).
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.protocols.base import ScoringProtocol
from judge.protocols.reply import Unreadable
from judge.types import JudgeRequest
from judge.verdicts import Reason


@dataclass(frozen=True, slots=True)
class Pointwise(ScoringProtocol):
    """Asks for one score on the rubric's scale. An answer tag that is repeated has to agree."""

    name = "pointwise"
    least = most = 1

    def choose(
        self, scores: tuple[float, ...], request: JudgeRequest
    ) -> tuple[float, ...] | Unreadable:
        if len(set(scores)) > 1:
            return Unreadable(Reason.SEVERAL_ANSWERS, f"answers disagree: {scores[:4]}")
        return scores[:1]
