"""What goes over the wire, checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from judge.types import Usage
from judge.verdicts import Reason
from reward.store.attempt import Labels
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, MAX_SAMPLES

State = Literal["loading", "ready", "asleep", "restarting", "drifted", "draining", "dead"]
"""Of the server. Rewards are given when ``ready``, and wait while ``asleep`` if it is so set.
``restarting``: the engine died and is started again; ``drifted``: the canaries' scores have
changed; ``draining``: the server is being stopped; ``dead``: the engine failed to load, or died too
often, and the server has to be started anew.
"""

Text = str | list[dict[str, Any]]
"""A string, or chat messages as TRL has them."""

SampleId = Annotated[str, Field(max_length=500)]
"""The caller's. A bound has pydantic refuse what UTF-8, and so the answer, cannot hold."""

Deadline = Annotated[float, Field(gt=0, le=3600)]
"""Time for all samples of a request, in seconds."""
Images = Annotated[
    list[str],
    Field(
        description='"sha256:<hex>" of an uploaded picture, a "data:image/…" URI, or an address or '
        "absolute path that the server was started to take"
    ),
]


class WireRequest(BaseModel):
    """A body, or a part of one: what is not known in it is refused."""

    model_config = ConfigDict(extra="forbid")


class SampleIn(WireRequest):
    """One thing to be judged."""

    id: SampleId | None = None
    prompt: Text | None = None
    completion: Text | None = None
    images: Images = []
    molecule: Annotated[str | None, Field(description="SMILES, instead of a completion")] = None
    reference: str | None = None
    metadata: Annotated[dict[str, Any] | None, Field(description="the caller's; not read")] = None


class LabelledRequest(WireRequest):
    """A body that may say for whom it is; the verdict store keeps that with each judgement."""

    run: Annotated[str, Field(description="name of the training run")] = ""
    step: Annotated[int | None, Field(description="the run's step")] = None

    @property
    def labels(self) -> Labels:
        return Labels(self.run, self.step)

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        Labels(self.run, self.step)  # raises where they are none
        return self


class RewardsIn(LabelledRequest):
    """``POST /v1/rewards``."""

    rubric: str
    samples: Annotated[list[SampleIn], Field(max_length=MAX_SAMPLES)]
    rationale: bool = False
    deadline_s: Deadline = DEFAULT_DEADLINE_S


class UsageOut(BaseModel):
    """Tokens that one judgement took."""

    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> UsageOut:
        return cls(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


class ResultOut(BaseModel):
    """The reward of one sample; ``reward`` and ``score`` are null where there is a ``reason``."""

    id: str | None
    reward: float | None
    score: float | None
    reason: Reason | None
    detail: str
    rationale: str
    cached: Annotated[bool, Field(description="a verdict that was judged for somebody else")]
    usage: UsageOut
    parts: Annotated[dict[str, float], Field(description="what the reward was made of")]

    @classmethod
    def of(
        cls, reward: Reward, *, id: str | None, rationale: bool, cached: bool = False
    ) -> ResultOut:
        return cls(
            id=id,
            reward=reward.value,
            score=reward.score,
            reason=reward.reason,
            detail=reward.detail,
            rationale=reward.rationale if rationale else "",
            cached=cached,
            usage=UsageOut.of(reward.usage),
            parts=dict(reward.parts),
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
    """State of the server."""

    state: State
    detail: str = ""


class CanariesOut(BaseModel):
    """The last round of canaries: when (seconds since 1970, UTC), the greatest difference from a
    known score in points of its scale, which ones differ by too much or were not judged, and which
    of them were not judged.
    """

    judged_at: float
    drift: float
    drifted: list[str]
    unjudged: list[str]


class InfoOut(BaseModel):
    """Which judge this is; ``version`` is the judge's, ``project_version`` the server's."""

    name: str
    version: str
    fingerprint: str
    modalities: list[str]
    rubrics: list[str]
    project_version: str
    state: State
    restarts: Annotated[int, Field(description="of the engine, since the server was started")]
    canaries: Annotated[CanariesOut | None, Field(description="null where there are none")]
