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
        return Reward(None, reason=outcome.reason, detail=outcome.detail, usage=outcome.usage)
    low, high = outcome.scale
    bottom, top = rubric.reward_range
    height = (outcome.score - low) / (high - low)
    return Reward(
        bottom * (1 - height) + top * height,
        outcome.score,
        rationale=outcome.reasoning,
        usage=outcome.usage,
    )
