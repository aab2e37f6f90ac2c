"""What a name in a request stands for: a rubric, or a composed reward that goes by one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from judge import Candidate, JudgeRequest, RequestError, Rubric, Unjudged
from reward.compose import ComposedReward, Measured
from reward.composed_config import load_composed
from reward.mapping import to_reward
from reward.server.service import JudgeService
from reward.store.attempt import Labels
from reward.types import Reward


@dataclass(frozen=True, slots=True)
class ServedReward:
    """A reward that a server offers by name."""

    rubric: Rubric
    composed: ComposedReward | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with anything that the reward depends on, the judge aside."""
        if self.composed is None:
            return self.rubric.fingerprint()
        return self.composed.fingerprint(self.rubric)

    async def rewards(
        self,
        service: JudgeService,
        requests: Sequence[JudgeRequest | Unjudged],
        deadline: float,
        labels: Labels | None = None,
    ) -> list[tuple[Reward, bool]]:
        """The reward of each request, in order, and whether its verdict was judged for another.

        Args:
            service: asked for the verdicts of those that fail no gate.
            requests: of one candidate each, or why it cannot be judged.
            deadline: on the event loop's clock, in seconds.
            labels: who asks.

        Raises:
            NotReadyError, QueueFullError: as :meth:`JudgeService.judge_all`.
        """
        measured = [Measured(())] * len(requests)
        if self.composed is not None:  # a long text takes its time
            measured = await asyncio.to_thread(_measure_all, self.composed, requests)
        asked = [
            request for request, each in zip(requests, measured, strict=True) if each.gated is None
        ]
        judged = await service.judge_all(asked, deadline, labels)
        rewards = [to_reward(each.outcome, self.rubric) for each in judged]
        if self.composed is not None:
            rewards = self.composed.combine(measured, rewards)
        cached = iter(judged)
        return [
            (reward, each.gated is None and next(cached).cached)
            for reward, each in zip(rewards, measured, strict=True)
        ]


def _measure_all(
    composed: ComposedReward, requests: Sequence[JudgeRequest | Unjudged]
) -> list[Measured]:
    return [
        Measured(()) if isinstance(each, Unjudged) else composed.measure(each.candidates[0])
        for each in requests
    ]


def find_reward(name: str, service: JudgeService) -> ServedReward:
    """The reward of that name.

    Raises:
        HTTPException: 422, there is none; it names those there are.
    """
    if name in service.rubrics:
        return ServedReward(service.rubrics[name])
    composed = service.composed.get(name)
    if composed is None:
        known = ", ".join((*service.rubrics, *service.composed))
        raise HTTPException(422, f"unknown rubric {name[:80]!r}: expected one of {known}")
    return ServedReward(service.rubrics[composed.rubric], composed)


def load_rewards(files: Sequence[str], rubrics: Mapping[str, Rubric]) -> dict[str, ComposedReward]:
    """The composed rewards in YAML files, by name.

    Raises:
        RequestError: a file does not hold one, names a rubric that there is not, or has the name of
            something else.
        MissingExtraError: a term needs a package that is not installed.
    """
    rewards: dict[str, ComposedReward] = {}
    for file in files:
        composed = load_composed(file)
        if composed.rubric not in rubrics:
            known = ", ".join(rubrics)
            raise RequestError(f"{file}: no rubric {composed.rubric!r}: expected one of {known}")
        if composed.name in rubrics or composed.name in rewards:
            raise RequestError(f"{file}: the name {composed.name!r} is taken; give it another")
        composed.measure(Candidate())  # what it lacks shows now, and not in a run
        rewards[composed.name] = composed
    return rewards
