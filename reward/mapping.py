"""From a judge's outcome to a reward."""

from __future__ import annotations

from judge.rubrics import Rubric
from judge.verdicts import Outcome, Unjudged
from reward.types import Reward


def to_reward(outcome: Outcome, rubric: Rubric) -> Reward:
    """The outcome as a reward, linear from the verdict's scale to ``rubric.reward_range``.

    The ends of the scale become the ends of the range exactly. An unjudged outcome keeps its
    reason and has no value.
    """
    if isinstance(outcome, Unjudged):
        return no_reward(outcome)
    low, high = outcome.scale
    return Reward(
        in_range((outcome.score - low) / (high - low), rubric),
        outcome.score,
        rationale=outcome.reasoning,
        usage=outcome.usage,
    )


def no_reward(unjudged: Unjudged) -> Reward:
    """What was not judged as a reward: its reason, and no value."""
    return Reward(None, reason=unjudged.reason, detail=unjudged.detail, usage=unjudged.usage)


def in_range(height: float, rubric: Rubric) -> float:
    """From [0, 1] to ``rubric.reward_range``, linear; 0 and 1 become its ends exactly."""
    bottom, top = rubric.reward_range
    return bottom * (1 - height) + top * height
