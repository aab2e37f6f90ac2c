"""NeMo-Gym's ``/verify`` and ``/compare``.

A resources server of the user's own passes both on, see ``docs/frameworks/nemo_gym.md``:

    POST /v1/wires/nemo_gym/verify?rubric=helpfulness
    POST /v1/wires/nemo_gym/compare?rubric=helpfulness

A sample that was not judged comes back as NeMo-Gym's own failed judge does: reward 0.0 with
``mask_sample``, a ``failure_kind`` and a ``failure_reason``, which keep it out of the scores. A
comparison in which one response has no reward is answered with 503, as by NeMo-Gym's own server.

Source: ``nemo_gym/base_resources_server.py``, ``nemo_gym/judge.py``, ``nemo_gym/failure_kinds.py``
and ``resources_servers/genrm_compare/app.py`` of nemo-gym 0.7.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from judge.verdicts import Reason
from reward.adapters.labels import label_columns
from reward.server.connection import Service
from reward.server.groups import MAX_GROUP, GroupIn, groups
from reward.server.schemas import Deadline, ResultOut
from reward.server.wires.asking import WireQuery, ask, make_sample
from reward.server.wires.responses import output_text, picture_urls, to_messages

router = APIRouter(prefix="/nemo_gym")

JUDGE_FAILED, JUDGE_UNPARSEABLE = "judge_failed", "judge_unparseable"
"""NeMo-Gym's names for what became of a judge."""
_CALL_FAILED = frozenset(
    {Reason.ENGINE_ERROR, Reason.DEADLINE, Reason.SERVER_ERROR, Reason.BAD_REQUEST}
)
_REFERENCES = ("reference", "expected_answer")


class ParamsIn(BaseModel):
    """What the policy was asked."""

    model_config = ConfigDict(extra="allow")

    input: str | list[dict[str, Any]]


class VerifyIn(BaseModel):
    """A rollout. All else in it is sent back as it came."""

    model_config = ConfigDict(extra="allow")

    responses_create_params: ParamsIn
    response: dict[str, Any]


class CompareQuery(WireQuery):
    """What the address says."""

    deadline_s: Deadline = 1500.0


class CompareIn(BaseModel):
    """The responses to one conversation; ``principle`` is what to compare them by, in words."""

    conversation_history: list[dict[str, Any]]
    response_objs: Annotated[list[dict[str, Any]], Field(max_length=MAX_GROUP)]
    principle: str | None = None


class CompareOut(BaseModel):
    """As many rewards as responses, in their order."""

    rewards: list[float]
    comparison_results: list[dict[str, Any]] | None = None
    metrics: dict[str, float] | None = None


@router.post("/verify")
async def verify(
    body: VerifyIn,
    request: Request,
    service: Service,
    query: Annotated[WireQuery, Query()],
) -> dict[str, Any]:
    """The rollout that came, with its reward."""
    asked = body.responses_create_params.input
    extra = body.model_extra or {}
    references = [extra[name] for name in _REFERENCES if extra.get(name) is not None]
    sample = make_sample(
        {
            "prompt": to_messages(asked),
            "images": picture_urls(asked),
            "completion": output_text(body.response),
            **label_columns(references[0] if references else None),
        }
    )
    (result,) = await ask([sample], query, request, service)
    return {**body.model_dump(), **_verified(result, extra)}


@router.post("/compare")
async def compare(
    body: CompareIn,
    request: Request,
    service: Service,
    query: Annotated[CompareQuery, Query()],
) -> CompareOut:
    """Rewards of responses compared with each other, in both orders."""
    prompt = to_messages(body.conversation_history)
    if body.principle:
        prompt.append({"role": "principle", "content": body.principle})
    images = picture_urls(body.conversation_history)
    samples = [
        make_sample({"prompt": prompt, "images": images, "completion": output_text(response)})
        for response in body.response_objs
    ]
    if not samples:
        return CompareOut(rewards=[])
    group = GroupIn(rubric=query.rubric, samples=samples, deadline_s=query.deadline_s)
    answer = await groups(group, request, service, request.app.state.cohorts)
    rewards = [result.reward for result in answer.results if result.reward is not None]
    if len(rewards) < len(answer.results):
        failed = next(result for result in answer.results if result.reward is None)
        status = 422 if failed.reason is Reason.BAD_REQUEST else 503
        raise HTTPException(status, f"a response has no reward ({failed.reason}): {failed.detail}")
    return CompareOut(rewards=rewards, metrics=_counts(answer.results))


def _verified(result: ResultOut, extra: dict[str, Any]) -> dict[str, Any]:
    """What NeMo-Gym reads of a verified rollout; older consumers look into ``instance_config``."""
    if result.reward is not None:
        return {"reward": result.reward, "mask_sample": False}
    kind = JUDGE_FAILED if result.reason in _CALL_FAILED else JUDGE_UNPARSEABLE
    instance = extra.get("instance_config")
    return {
        "reward": 0.0,
        "mask_sample": True,
        "failure_kind": kind,
        "failure_reason": f"{result.reason}: {result.detail}",
        "instance_config": {
            **(instance if isinstance(instance, dict) else {}),
            "mask_sample": True,
        },
        "_ng_failure_class": JUDGE_FAILED,
        "_ng_failure_judge_error": f"{result.reason}: {result.detail}",
    }


def _counts(results: Sequence[Any]) -> dict[str, float]:
    return {
        "comparisons_asked": float(sum(result.asked for result in results)),
        "comparisons_judged": float(sum(result.judged for result in results)),
    }
