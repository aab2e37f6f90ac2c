"""From the candidates of one question to what the judge is asked, and from its outcomes to rewards.

members → plan_group → plan.requests → (the judge) → outcomes → plan.rewards
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from statistics import fmean

from judge.errors import RequestError
from judge.rubrics import Rubric
from judge.streaming import in_order
from judge.types import Candidate, JudgeRequest
from judge.verdicts import Outcome, Reason, Unjudged
from reward.groups.matches import Order, standings
from reward.groups.scoring import GroupScoring, Match
from reward.mapping import in_range, no_reward, to_reward
from reward.types import Reward

COMPARISON, POINTWISE = "comparison", "pointwise"
"""Names of the parts of a group reward, both in the rubric's ``reward_range``."""

_ALL_EQUAL = 0.5


@dataclass(frozen=True, slots=True)
class MemberReward:
    """The reward of a member, and how well it is founded.

    ``asked`` counts the comparisons that it was to take part in, ``judged`` those of them that were
    judged and make its reward. The reward's ``score``, ``rationale`` and ``usage`` are those of the
    pointwise judgement, where there is one.
    """

    reward: Reward
    asked: int = 0
    judged: int = 0


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What the judge is asked of a group. Made by :func:`plan_group`.

    ``entrants`` are the different candidates of the group, in an order that their content decides,
    so that the order of the members does not matter. ``members`` holds for each its place among
    them, shared by those that are equal, or why it cannot be judged.
    """

    members: tuple[int | Unjudged, ...]
    entrants: tuple[JudgeRequest, ...]
    matches: tuple[Match, ...]
    scoring: GroupScoring

    @property
    def requests(self) -> list[JudgeRequest]:
        """All that is to be judged, in the order in which :meth:`rewards` takes the outcomes."""
        compared = [self._comparing(order) for match in self.matches for order in match]
        return [*self._alone, *compared]

    def rewards(self, outcomes: Sequence[Outcome]) -> list[MemberReward]:
        """The members' rewards, in order, within the rubric's ``reward_range``.

        A comparison counts where it was judged in every order that it was asked in; those that do
        not are left out of a candidate's mean. A candidate none of whose comparisons counts has no
        reward, and neither has one whose pointwise judgement is missing. A group whose members are
        all equal is tied, without a comparison: 0.5 each.

        Args:
            outcomes: of :attr:`requests`, in order.
        """
        alone, rest = outcomes[: len(self._alone)], iter(outcomes[len(self._alone) :])
        points = [_points(match, [next(rest) for _ in match]) for match in self.matches]
        rewards = []
        for place, entrant in enumerate(self.entrants):
            own = [
                each if isinstance(each, Unjudged) else each[place]
                for match, each in zip(self.matches, points, strict=True)
                if place in match[0]
            ]
            reward = _blend(
                entrant.rubric,
                self._height(own),
                alone[place] if alone else None,
                self.scoring.pointwise_weight,
            )
            judged = sum(not isinstance(each, Unjudged) for each in own)
            rewards.append(MemberReward(reward, len(own), judged))
        return [
            MemberReward(no_reward(member)) if isinstance(member, Unjudged) else rewards[member]
            for member in self.members
        ]

    @property
    def _alone(self) -> tuple[JudgeRequest, ...]:
        return self.entrants if self.scoring.pointwise_weight else ()

    def _comparing(self, order: Order) -> JudgeRequest:
        return replace(
            self.entrants[order[0]],
            candidates=tuple(_candidate(self.entrants[place]) for place in order),
            protocol=self.scoring.comparison.protocol,
        )

    def _height(self, own: Sequence[float | Unjudged]) -> float | Unjudged:
        """The mean of a candidate's comparisons, in [0, 1]."""
        counted = [each for each in own if not isinstance(each, Unjudged)]
        if counted:
            return fmean(counted)
        failures = [each for each in own if isinstance(each, Unjudged)]
        if failures:
            detail = f"none of {len(own)} comparisons was judged; the first: {failures[0].detail}"
            return Unjudged(failures[0].reason, detail)
        if sum(isinstance(member, int) for member in self.members) > 1:
            return _ALL_EQUAL
        return Unjudged(Reason.BAD_REQUEST, "a group reward takes at least two candidates, got 1")


def plan_group(members: Sequence[JudgeRequest | Unjudged], scoring: GroupScoring) -> GroupPlan:
    """What to ask the judge of a group.

    Args:
        members: pointwise requests of one question, one candidate each, or why one has none.
        scoring: how candidates are compared.

    Raises:
        RequestError: requests that are not of one question, or too many candidates for one list.
    """
    requests = [member for member in members if isinstance(member, JudgeRequest)]
    for request in requests:
        if len(request.candidates) != 1 or _asked(request) != _asked(requests[0]):
            raise RequestError(
                "the members of a group are one candidate each, of one rubric, prompt, reference "
                "and pictures; got others"
            )
    different = {_candidate(request): request for request in requests}
    entrants = sorted(different.values(), key=lambda request: _content(_candidate(request)))
    places = {_candidate(request): place for place, request in enumerate(entrants)}
    try:
        matches = tuple(scoring.matches(len(entrants)))
    except ValueError as error:
        raise RequestError(str(error)) from error
    return GroupPlan(
        tuple(
            member if isinstance(member, Unjudged) else places[_candidate(member)]
            for member in members
        ),
        tuple(entrants),
        matches,
        scoring,
    )


async def judge_group(
    ask: Callable[[JudgeRequest], Awaitable[Outcome]],
    members: Sequence[JudgeRequest | Unjudged],
    scoring: GroupScoring,
    *,
    concurrency: int = 64,
) -> list[MemberReward]:
    """The rewards of a group, by a judge in this process, e.g. ``ask=judge.judge``.

    Raises:
        RequestError: as :func:`plan_group`.
        EngineDeadError: as :meth:`judge.Judge.judge`.
    """
    plan = plan_group(members, scoring)
    return plan.rewards([each async for each in in_order(plan.requests, ask, concurrency)])


def _points(match: Match, outcomes: Sequence[Outcome]) -> dict[int, float] | Unjudged:
    """What a comparison gives each place in it, in [0, 1]: the mean over its orders."""
    shown = []
    for order, outcome in zip(match, outcomes, strict=True):
        if isinstance(outcome, Unjudged):
            return outcome
        shown.append(dict(zip(order, standings(outcome.scores), strict=True)))
    return {place: fmean(each[place] for each in shown) for place in match[0]}


def _blend(
    rubric: Rubric, height: float | Unjudged, alone: Outcome | None, pointwise_weight: float
) -> Reward:
    compared = Reward(in_range(height, rubric)) if isinstance(height, float) else no_reward(height)
    pointwise = compared if alone is None else to_reward(alone, rubric)
    named = [(COMPARISON, compared)]
    if alone is not None:
        named.append((POINTWISE, pointwise))
    parts = tuple((name, each.value) for name, each in named if each.value is not None)
    if compared.value is None or pointwise.value is None:
        missing = compared if compared.value is None else pointwise
        return replace(missing, usage=pointwise.usage, parts=parts)
    value = (1 - pointwise_weight) * compared.value + pointwise_weight * pointwise.value
    return replace(pointwise, value=value, parts=parts)


def _asked(request: JudgeRequest) -> tuple[object, ...]:
    return request.question, request.reference, request.rubric


def _candidate(request: JudgeRequest) -> Candidate:
    (candidate,) = request.candidates
    return candidate


def _content(candidate: Candidate) -> str:
    """A hash of what is judged: an order by it is as good as drawn."""
    content = (candidate.text, candidate.molecule, [each.sha256 for each in candidate.media])
    return sha256(repr(content).encode()).hexdigest()
