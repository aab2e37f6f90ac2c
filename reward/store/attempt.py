"""One judgement as it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time

from judge.folder import Decoding
from judge.rubrics import Rubric
from judge.types import JudgeRequest
from judge.verdicts import Outcome, Unjudged, Verdict
from reward.mapping import to_reward
from reward.store.codec import encode_outcome, encode_request, request_key

MAX_RUN_LENGTH = 200
MAX_STEP = 2**63 - 1
ROW_BYTES = 320
"""What a row takes beside its two texts: other columns and indexes, about."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Who asked: the name of a training run, and its step.

    Raises:
        ValueError: a run of more than 200 characters or with unprintable ones, or a step that is
            negative or over 2⁶³ - 1.
    """

    run: str = ""
    step: int | None = None

    def __post_init__(self) -> None:
        if len(self.run) > MAX_RUN_LENGTH or not self.run.isprintable():
            raise ValueError(
                f"a run is named by at most {MAX_RUN_LENGTH} printable characters, "
                f"got {self.run[:80]!r}"
            )
        if self.step is not None and not 0 <= self.step <= MAX_STEP:
            raise ValueError(f"a step is a whole number from 0, got {self.step}")


@dataclass(frozen=True, slots=True)
class Question:
    """A request put to one judge in one way, and the ``key`` that tells equal ones."""

    request: JudgeRequest
    judge: str
    """The judge's fingerprint."""
    decoding: Decoding
    key: str = field(init=False)

    def __post_init__(self) -> None:
        key = request_key(self.request, self.judge, self.decoding)
        object.__setattr__(self, "key", key)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a question once.

    ``queued_s`` is how long it waited for the judge and ``judged_s`` how long that took, in
    seconds; ``created_at`` is when it ended, in seconds since 1970 (UTC).
    """

    question: Question
    outcome: Outcome
    labels: Labels = Labels()
    queued_s: float = 0.0
    judged_s: float = 0.0
    created_at: float = field(default_factory=time)

    def row(self) -> dict[str, object]:
        """The values of the table's columns."""
        request, outcome = self.question.request, self.outcome
        single = isinstance(outcome, Verdict) and len(outcome.scores) == 1
        request_text, outcome_text = encode_request(request), encode_outcome(outcome)
        return {
            "created_at": self.created_at,
            "key": self.question.key,
            "judge": self.question.judge,
            "rubric": request.rubric.fingerprint(),
            "protocol": request.protocol,
            "run": self.labels.run,
            "step": self.labels.step,
            "reason": outcome.reason.value if isinstance(outcome, Unjudged) else None,
            "score": outcome.scores[0] if isinstance(outcome, Verdict) and single else None,
            "reward": _reward(outcome, request.rubric) if single else None,
            "flipped": outcome.flipped if isinstance(outcome, Verdict) else None,
            "reasks": outcome.reasks,
            "prompt_tokens": outcome.usage.prompt_tokens,
            "completion_tokens": outcome.usage.completion_tokens,
            "cached_tokens": outcome.usage.cached_tokens,
            "queued_s": self.queued_s,
            "judged_s": self.judged_s,
            "served": 0,
            "size": ROW_BYTES + len(request_text.encode()) + len(outcome_text.encode()),
            "request": request_text,
            "outcome": outcome_text,
        }


def _reward(outcome: Outcome, rubric: Rubric) -> float | None:
    return to_reward(outcome, rubric).value
