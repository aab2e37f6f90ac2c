"""What the wires share: the settings in an address, and the call of the native endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, FiniteFloat
from starlette.exceptions import HTTPException

from reward.adapters.core import Unjudged
from reward.server import routes
from reward.server.connection import Service
from reward.server.schemas import Deadline, ResultOut, RewardsIn, SampleIn
from reward.wire import DEFAULT_DEADLINE_S


class WireQuery(BaseModel):
    """What the address says: the rubric to judge by, and the time for one call, in seconds."""

    model_config = ConfigDict(extra="forbid")

    rubric: str
    deadline_s: Deadline = DEFAULT_DEADLINE_S


class NumberQuery(WireQuery):
    """What it has to say, too, where a framework takes nothing but numbers: what a sample that was
    not judged becomes, a number or ``raise``, to answer 503. There is no default.
    """

    unjudged: FiniteFloat | Literal["raise"]


def make_sample(row: Mapping[str, Any]) -> SampleIn:
    """A row as the native endpoint takes it; pictures are data URIs or hashes of uploaded ones.

    Raises:
        HTTPException: 422, a field of another kind.
    """
    fields = {key: value for key, value in row.items() if value is not None}
    image = fields.pop("image", None)
    if image is not None:
        fields["images"] = [image]
    try:
        return SampleIn(**fields)
    except ValueError as error:  # pydantic's own
        raise HTTPException(422, f"not a sample: {error}") from error


async def ask(
    samples: Sequence[SampleIn], query: WireQuery, request: Request, service: Service
) -> list[ResultOut]:
    """The results of ``POST /v1/rewards``; none for no samples, whatever state the server is in."""
    if not samples:
        return []
    body = RewardsIn(rubric=query.rubric, samples=list(samples), deadline_s=query.deadline_s)
    return (await routes.rewards(body, request, service)).results


def number(result: ResultOut, unjudged: Unjudged) -> float:
    """The reward as a number.

    Raises:
        HTTPException: 503, there is none, and ``unjudged`` is ``"raise"``.
    """
    if result.reward is not None:
        return result.reward
    if unjudged == "raise":
        raise HTTPException(503, f"a sample was not judged ({result.reason}): {result.detail}")
    return unjudged
