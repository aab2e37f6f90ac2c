"""OpenRLHF's remote reward model.

    --reward.remote_url 'http://127.0.0.1:8471/v1/wires/openrlhf?rubric=helpfulness&unjudged=0.0'

Request ``{"query": [prompt + response], "prompts": […], "labels": […]}``, reply ``{"rewards": […],
"scores": […], "extra_logs": {"unjudged": […]}}``, all numbers: None would break the trainer. A
failing reward ends nothing there, it goes missing: after five tries the sample has none at all. So
the address must say what a sample that was not judged becomes, by ``unjudged``.

The query is decoded with its special tokens. The response is what follows the prompt, without the
special tokens at its end; a label may give question and pictures, see
:mod:`reward.adapters.labels`.

Source: ``openrlhf/utils/agent.py`` of OpenRLHF 0.11.2, whose clients wait 180 s, and
``openrlhf/trainer/ppo_utils/samples_generator.py``. Older clients send empty lists to all but one
of several addresses.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from reward.adapters.labels import label_columns
from reward.server.connection import Service
from reward.server.schemas import Deadline
from reward.server.wires.asking import NumberQuery, ask, make_sample, number
from reward.wire import MAX_SAMPLES

logger = logging.getLogger(__name__)

router = APIRouter()

_TAIL = 32
"""Characters at the end of a prompt that are looked for in the query."""
_END_TOKEN = re.compile(r"<\|[^<>|]+\|>|<｜[^<>｜]+｜>|</s>|<eos>|<end_of_turn>")


class OpenRLHFQuery(NumberQuery):
    """What the address says."""

    deadline_s: Deadline = 150.0


class QueriesIn(BaseModel):
    """As many prompts and labels as queries."""

    query: Annotated[list[str], Field(max_length=MAX_SAMPLES)]
    prompts: list[str]
    labels: list[Any]


class QueriesOut(BaseModel):
    """As many of each as queries. ``extra_logs["unjudged"]`` is 1 where ``rewards`` holds what the
    address named for it, else 0.
    """

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


@router.post("/openrlhf")
async def openrlhf(
    body: QueriesIn,
    request: Request,
    service: Service,
    query: Annotated[OpenRLHFQuery, Query()],
) -> QueriesOut:
    """Rewards as OpenRLHF takes them."""
    if not len(body.query) == len(body.prompts) == len(body.labels):
        raise HTTPException(
            422,
            f"{len(body.query)} queries came with {len(body.prompts)} prompts and "
            f"{len(body.labels)} labels: as many of each are expected",
        )
    samples = [
        make_sample({"prompt": prompt, "completion": response(text, prompt), **columns})
        for text, prompt, columns in zip(
            body.query, body.prompts, map(label_columns, body.labels), strict=True
        )
    ]
    results = await ask(samples, query, request, service)
    rewards = [number(result, query.unjudged) for result in results]
    missing = [float(result.reward is None) for result in results]
    return QueriesOut(rewards=rewards, scores=rewards, extra_logs={"unjudged": missing})


def response(query: str, prompt: str) -> str | None:
    """What the policy wrote: the query without its prompt and without special tokens at its end.

    A prompt comes back from its tokens changed where it was given pictures (their placeholders are
    repeated) or a first token. Then it ends where its last characters end in the query, counted
    from the front, so that a response cannot move that by repeating the prompt. None where they are
    not found, as in a prompt that was cut: that sample cannot be judged.
    """
    start = len(prompt)
    if not query.startswith(prompt):
        tail, start = prompt[-_TAIL:], 0
        for _ in range(prompt.count(tail)):
            place = query.find(tail, start)
            if place < 0:
                logger.warning("a query does not hold its prompt, which ends in %r", tail)
                return None
            start = place + len(tail)
    return _without_end_tokens(query[start:])


def _without_end_tokens(text: str) -> str:
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        start = text.rfind("<", 0, end)
        if start < 0 or not _END_TOKEN.fullmatch(text, start, end):
            return text[:end]
        end = start
