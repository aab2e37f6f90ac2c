"""What came of one sample."""

from __future__ import annotations

from dataclasses import dataclass

from judge import Outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome, and what it took.

    ``cached`` tells a verdict that was judged for somebody else. ``queued_s`` is how long the
    sample waited for its turn and ``judged_s`` how long it was in the judge, both in seconds and 0
    where it did not get so far.
    """

    outcome: Outcome
    cached: bool = False
    queued_s: float = 0.0
    judged_s: float = 0.0
