"""The remote reward of slime and miles.

    --rm-type remote_rm
    --rm-url 'http://127.0.0.1:8471/v1/wires/slime?rubric=helpfulness&unjudged=raise'

Request ``{"prompt", "response", "label"}``, the prompt a string or chat messages; reply a JSON
number. With ``unjudged=raise`` a sample that was not judged is answered with 503: slime asks up to
ten times, then the run ends; miles asks once. With a number that is its reward, and nothing else
tells of it but the server's own metrics. A label may give question and pictures, see
:mod:`reward.adapters.labels`.

Source: ``slime/rollout/rm_hub/__init__.py`` of THUDM/slime, whose clients wait 120 s, and
``miles/rollout/rm_hub/__init__.py`` of radixark/miles.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from reward.adapters.labels import label_columns
from reward.server.connection import Service
from reward.server.schemas import Deadline, Text
from reward.server.wires.asking import NumberQuery, ask, make_sample, number

router = APIRouter()


class SlimeQuery(NumberQuery):
    """What the address says."""

    deadline_s: Deadline = 100.0


class RolloutIn(BaseModel):
    """One rollout."""

    prompt: Text
    response: str
    label: Any = None


@router.post("/slime")
async def slime(
    body: RolloutIn,
    request: Request,
    service: Service,
    query: Annotated[SlimeQuery, Query()],
) -> float:
    """The reward of one rollout, a bare number."""
    columns = label_columns(body.label)
    sample = make_sample({"prompt": body.prompt, "completion": body.response, **columns})
    (result,) = await ask([sample], query, request, service)
    return number(result, query.unjudged)
