"""``POST /v1/groups``: rewards of the candidates of one question, compared with each other.

It is an endpoint of its own, as a group is judged as a whole: samples of ``/v1/rewards`` stand each
for itself, and a client may send them in any portions.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from judge import JudgeRequest, Reason, Unjudged
from reward.groups import (
    GroupScoring,
    ListwiseScoring,
    MemberReward,
    PairwiseScoring,
    plan_group,
)
from reward.groups.cohorts import (
    CohortError,
    Cohorts,
    CohortsFullError,
    CohortTerms,
    Missing,
    Part,
)
from reward.mapping import no_reward
from reward.server.connection import Service, find_rubric, while_connected
from reward.server.samples import to_requests
from reward.server.schemas import Deadline, LabelledRequest, ResultOut, SampleIn, WireRequest
from reward.server.service import JudgeService
from reward.wire import DEFAULT_DEADLINE_S

router = APIRouter()

MAX_GROUP = 256
"""Most samples of one group."""
MAX_CALLS = 4096
"""Most calls of the judge for one group."""
_GRACE_S = 0.25
_FULL_RETRY_S = 5


class PairwiseIn(WireRequest):
    """See :class:`~reward.groups.PairwiseScoring`."""

    method: Literal["pairwise"] = "pairwise"
    neighbours: Annotated[int | None, Field(ge=1)] = None
    both_orders: bool = True
    protocol: Literal["pairwise", "choice"] = "pairwise"

    def scoring(self) -> PairwiseScoring:
        return PairwiseScoring(self.neighbours, self.both_orders, self.protocol)


class ListwiseIn(WireRequest):
    """See :class:`~reward.groups.ListwiseScoring`."""

    method: Literal["listwise"]
    permutations: Annotated[int, Field(ge=1)] = 2

    def scoring(self) -> ListwiseScoring:
        return ListwiseScoring(self.permutations)


class CohortIn(WireRequest):
    """A group that comes in parts; see :mod:`reward.groups.cohorts`. ``id`` is the group's and of
    one step alone, e.g. ``"run7/step12/prompt3"``; ``part`` tells its parts apart, e.g. the rank.
    """

    id: Annotated[str, Field(min_length=1, max_length=500)]
    part: Annotated[str, Field(max_length=500)]
    size: Annotated[int, Field(ge=2, le=MAX_GROUP, description="samples of all parts together")]
    wait_s: Annotated[float, Field(gt=0, description="how long the first part waits")] = 30.0
    on_missing: Annotated[
        Literal["judge", "unjudged"],
        Field(description="judge those that came, if they are two or more; or leave all unjudged"),
    ] = "judge"


class GroupIn(LabelledRequest):
    """``POST /v1/groups``: samples of one prompt, reference and pictures."""

    rubric: str
    samples: Annotated[list[SampleIn], Field(max_length=MAX_GROUP)]
    comparison: Annotated[PairwiseIn | ListwiseIn, Field(discriminator="method")] = PairwiseIn()
    pointwise_weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    cohort: CohortIn | None = None
    rationale: bool = False
    deadline_s: Deadline = DEFAULT_DEADLINE_S

    @property
    def size(self) -> int:
        return self.cohort.size if self.cohort else len(self.samples)

    def scoring(self) -> GroupScoring:
        return GroupScoring(self.comparison.scoring(), self.pointwise_weight)


class GroupResultOut(ResultOut):
    """A reward, with the comparisons that were ``asked`` for it and those ``judged``, which make
    it.
    """

    asked: int
    judged: int

    @classmethod
    def of_member(cls, member: MemberReward, *, id: str | None, rationale: bool) -> GroupResultOut:
        result = ResultOut.of(member.reward, id=id, rationale=rationale)
        return cls(**result.model_dump(), asked=member.asked, judged=member.judged)


class GroupOut(BaseModel):
    """As many results as samples, in their order. ``present`` counts the samples of the group that
    came, from all parts.
    """

    judge: str
    rubric: str
    present: int
    results: list[GroupResultOut]


Member = JudgeRequest | Unjudged
GroupCohorts = Cohorts[Member, MemberReward]


def _cohorts(request: Request) -> GroupCohorts:
    return cast(GroupCohorts, request.app.state.cohorts)


@router.post("/v1/groups")
async def groups(
    body: GroupIn,
    request: Request,
    service: Service,
    cohorts: Annotated[GroupCohorts, Depends(_cohorts)],
) -> GroupOut:
    """Judges a group as a whole, or the part of one that a rank has, once the others have come."""
    deadline = asyncio.get_running_loop().time() + body.deadline_s
    service.check(len(body.samples))
    rubric = find_rubric(body.rubric, service)
    _check(body)
    members = await while_connected(
        asyncio.create_task(to_requests(body.samples, rubric, service, deadline)), request
    )
    judging = asyncio.create_task(_judged(service, cohorts, body, members, deadline))
    present, rewards = await while_connected(judging, request)
    return GroupOut(
        judge=service.judge.fingerprint,
        rubric=rubric.fingerprint(),
        present=present,
        results=[
            GroupResultOut.of_member(each, id=sample.id, rationale=body.rationale)
            for sample, each in zip(body.samples, rewards, strict=True)
        ],
    )


async def _judged(
    service: JudgeService,
    cohorts: GroupCohorts,
    body: GroupIn,
    members: list[Member],
    deadline: float,
) -> tuple[int, list[MemberReward]]:
    """How many members the group has, and the rewards of those in this request."""

    async def judge(group: list[Member], deadline: float) -> list[MemberReward]:
        plan = plan_group(group, body.scoring())
        judged = await service.judge_all(plan.requests, deadline, body.labels)
        return plan.rewards([each.outcome for each in judged])

    if body.cohort is None or not members:
        return len(members), await judge(members, deadline)
    try:
        # The judge keeps the deadline itself, unless others of the group have a later one.
        async with asyncio.timeout_at(deadline + _GRACE_S):
            joined = await cohorts.join(_part(body, body.cohort, members), judge, deadline)
    except TimeoutError:
        late = _unjudged("the group was not judged within deadline_s")
        return len(members), [late] * len(members)
    except CohortError as error:
        raise HTTPException(422, str(error)) from error
    except CohortsFullError as error:
        raise HTTPException(429, str(error), {"Retry-After": str(_FULL_RETRY_S)}) from error
    if isinstance(joined, Missing):
        return joined.present, [_unjudged(_why(joined, body.cohort))] * len(members)
    return joined.present, joined.answers


def _part(body: GroupIn, cohort: CohortIn, members: list[Member]) -> Part[Member]:
    """What this request brings to its cohort."""
    samples = repr([sample.model_dump() for sample in body.samples])
    terms = body.model_dump(include={"rubric", "comparison", "pointwise_weight"})
    return Part(
        cohort.id,
        cohort.part,
        tuple(members),
        key=sha256(samples.encode()).hexdigest(),
        terms=CohortTerms(
            cohort.size,
            cohort.wait_s,
            cohort.on_missing,
            same=repr((terms, _question(body.samples[0]))),
        ),
    )


def _check(body: GroupIn) -> None:
    """Raises HTTPException (422) where samples or times do not go together, or there are too many
    candidates to compare.
    """
    try:
        calls = body.scoring().calls(body.size)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if calls > MAX_CALLS:
        raise HTTPException(
            422,
            f"a group of {body.size} would take {calls} calls of the judge, and the limit is "
            f"{MAX_CALLS}: compare each with a few neighbours, or listwise",
        )
    if any(_question(sample) != _question(body.samples[0]) for sample in body.samples):
        raise HTTPException(422, "the samples of a group share prompt, images and reference")
    if body.cohort is not None and body.cohort.wait_s >= body.deadline_s:
        raise HTTPException(
            422,
            f"cohort.wait_s ({body.cohort.wait_s:g}) has to be below deadline_s "
            f"({body.deadline_s:g}), as judging takes time, too",
        )


def _question(sample: SampleIn) -> tuple[object, ...]:
    return sample.prompt, sample.images, sample.reference


def _why(missing: Missing, cohort: CohortIn) -> str:
    if missing.late:
        return f"came after its group was closed, which waits {cohort.wait_s:g} s"
    return f"{missing.present} of the group's {missing.size} came within {cohort.wait_s:g} s"


def _unjudged(detail: str) -> MemberReward:
    return MemberReward(no_reward(Unjudged(Reason.DEADLINE, detail)))
