"""What goes over the wire, checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from judge.verdicts import Reason
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, MAX_SAMPLES

State = Literal["loading", "ready", "dead"]
"""Of the engine: ``dead`` means that it failed to load or died, and needs a restart."""

Text = str | list[dict[str, Any]]
"""A string, or chat messages as TRL has them."""

_MAX_DEADLINE_S = 3600.0


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SampleIn(_Request):
    """One thing to be judged."""

    id: str | None = None
    prompt: Text | None = None
    completion: Text | None = None
    images: Annotated[
        list[str],
        Field(description='"sha256:<hex>" of an uploaded picture, or a "data:image/…" URI'),
    ] = []
    molecule: Annotated[str | None, Field(description="SMILES, instead of a completion")] = None
    reference: str | None = None
    metadata: Annotated[dict[str, Any] | None, Field(description="the caller's; not read")] = None


class RewardsIn(_Request):
    """``POST /v1/rewards``."""

    rubric: str
    samples: Annotated[list[SampleIn], Field(max_length=MAX_SAMPLES)]
    rationale: bool = False
    deadline_s: Annotated[float, Field(gt=0, le=_MAX_DEADLINE_S)] = DEFAULT_DEADLINE_S


class UsageOut(BaseModel):
    """Tokens that one judgement took."""

    prompt_tokens: int
    completion_tokens: int


class ResultOut(BaseModel):
    """The reward of one sample; ``reward`` and ``score`` are null where there is a ``reason``."""

    id: str | None
    reward: float | None
    score: float | None
    reason: Reason | None
    detail: str
    rationale: str
    cached: Annotated[bool, Field(description="false: every sample is judged anew")] = False
    usage: UsageOut

    @classmethod
    def of(cls, reward: Reward, *, id: str | None, rationale: bool) -> ResultOut:
        return cls(
            id=id,
            reward=reward.value,
            score=reward.score,
            reason=reward.reason,
            detail=reward.detail,
            rationale=reward.rationale if rationale else "",
            usage=UsageOut(
                prompt_tokens=reward.usage.prompt_tokens,
                completion_tokens=reward.usage.completion_tokens,
            ),
        )


class RewardsOut(BaseModel):
    """As many results as samples, in their order. ``judge`` and ``rubric`` are fingerprints, which
    together change with weights, prompts, decoding, criteria and scale.
    """

    judge: str
    rubric: str
    results: list[ResultOut]


class MediaOut(BaseModel):
    """A stored picture; ``width`` and ``height`` in pixels."""

    sha256: str
    width: int
    height: int


class HealthOut(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyOut(BaseModel):
    """State of the engine."""

    state: State
    detail: str = ""


class InfoOut(BaseModel):
    """Which judge this is; ``version`` is the judge's, ``project_version`` the server's."""

    name: str
    version: str
    fingerprint: str
    modalities: list[str]
    rubrics: list[str]
    project_version: str
