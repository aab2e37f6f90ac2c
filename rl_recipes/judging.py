"""Answers of an evaluation as a judge sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reward.client import RewardClient
from reward.types import Reward

DEADLINE_S = 3600.0
"""For one portion of an evaluation; nothing waits for it but the run's end."""
_AT_ONCE = 512


async def judge_samples(samples: Sequence[dict[str, Any]], url: str, rubric: str) -> list[Reward]:
    """The rewards of samples by the server at ``url``, with the judge's reasoning, in their order.

    Raises:
        RewardRequestError: the server refuses a request.
    """
    rewards: list[Reward] = []
    async with RewardClient(url) as client:
        for start in range(0, len(samples), _AT_ONCE):
            rewards += await client.rewards(
                samples[start : start + _AT_ONCE],
                rubric=rubric,
                rationale=True,
                deadline_s=DEADLINE_S,
            )
    return rewards
