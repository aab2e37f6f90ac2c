"""Answers to one question, compared side by side in both orders by a reward server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reward.client import RewardClient, Sample
from reward.client.together import together

_AT_ONCE = 16


async def compare_groups(
    url: str, groups: Sequence[Sequence[Sample]], *, rubric: str, deadline_s: float
) -> list[list[float | None]]:
    """The share of comparisons that each answer wins within its group, ties a half, in [0, 1].

    Every two answers of a group are compared in both orders; what could not be compared is None.

    Args:
        url: of the reward server, whose judge has the pairwise protocol.
        groups: answers to one question each; the groups' lengths may differ.
        rubric: that the judge goes by.
        deadline_s: time for all groups, in seconds.

    Raises:
        RewardRequestError: the server refuses a group, e.g. for an unknown rubric.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    turns = asyncio.Semaphore(_AT_ONCE)
    async with RewardClient(url) as client:

        async def compare(group: Sequence[Sample]) -> list[float | None]:
            async with turns:
                left_s = deadline - loop.time()
                members = await client.group_rewards(group, rubric=rubric, deadline_s=left_s)
            return [member.reward.value for member in members]

        return await together(compare(group) for group in groups)
