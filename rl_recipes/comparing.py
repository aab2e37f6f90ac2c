"""Answers to one question, compared side by side in both orders by a reward server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reward.adapters.composed import ComposedJudgeReward
from reward.client import RewardClient, Sample
from reward.client.together import together
from reward.types import Reward

_AT_ONCE = 16


class ComparedReward:
    """A composed reward as a TRL reward function whose judge compares the answers to a row.

    The judge's term is the share of the other answers that an answer beats, in [0, 1]; every two
    that meet all gates are compared in both orders, and both beat one that does not. Gates and
    other terms are those of the reward.

    Args:
        reward: gates, terms and the judge's rubric.
        size: answers to each row, at least 2; they stand together.
        url: of a reward server whose judge has the pairwise protocol.
        deadline_s: time for one call, in seconds.
    """

    def __init__(
        self, reward: ComposedJudgeReward, *, size: int, url: str, deadline_s: float
    ) -> None:
        self._reward = reward
        self._size = size
        self._url = url
        self._deadline_s = deadline_s

    async def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[float | None]:
        """One reward a completion, in order; None where it could not be compared.

        Raises:
            RewardRequestError: the server refuses a group, e.g. for an unknown rubric.
        """
        measured = self._reward.measure(prompts, completions, **columns)
        starts = range(0, len(measured), self._size)
        groups = [measured[start : start + self._size] for start in starts]
        composed = self._reward.composed
        compared = await compare_groups(
            self._url,
            [[row for row, each in group if each.gated is None] for group in groups],
            rubric=composed.rubric,
            deadline_s=self._deadline_s,
        )
        rewards: list[float | None] = []
        for group, shares in zip(groups, compared, strict=True):
            judged = [self._among_all(share, len(shares)) for share in shares]
            combined = composed.combine([each for _, each in group], judged)
            rewards += [reward.value for reward in combined]
        return rewards

    def _among_all(self, share: Reward, compared: int) -> Reward:
        """The share of all other answers that one beats, by that of those compared with it."""
        if share.value is None:
            return share
        beaten = share.value * (compared - 1) + (self._size - compared)
        return replace(share, value=beaten / (self._size - 1))


async def compare_groups(
    url: str, groups: Sequence[Sequence[Sample]], *, rubric: str, deadline_s: float
) -> list[list[Reward]]:
    """The share of comparisons that each answer wins within its group, ties a half, in [0, 1].

    Every two answers of a group are compared in both orders; what could not be compared has a
    reason in place of a value. One that has nobody to be compared with has won, and costs nothing.

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

        async def compare(group: Sequence[Sample]) -> list[Reward]:
            if len(group) < 2:
                return [Reward(1.0) for _ in group]
            async with turns:
                left_s = deadline - loop.time()
                members = await client.group_rewards(group, rubric=rubric, deadline_s=left_s)
            return [member.reward for member in members]

        return await together(compare(group) for group in groups)
