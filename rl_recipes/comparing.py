"""Answers to one question, compared side by side in both orders by a reward server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from judge.errors import RequestError
from judge.media import data_uri
from reward.errors import RewardRequestError
from reward.retry import UnavailableError, json_body, problem, retrying
from reward.wire import Pictures, encode_sample

logger = logging.getLogger(__name__)

_AT_ONCE = 16
Row = Mapping[str, Any]
"""A row with the columns of :func:`judge.request_from_row`."""


async def compare_groups(
    url: str, groups: Sequence[Sequence[Row]], *, rubric: str, deadline_s: float
) -> list[list[float | None]]:
    """The share of comparisons that each answer wins within its group, ties a half, in [0, 1].

    Every two answers of a group are compared in both orders, as ``POST /v1/groups`` does; what
    could not be compared is None.

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
    pictures = Pictures()
    turns = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as http:

        async def compare(group: Sequence[Row]) -> list[float | None]:
            async with turns:
                body = _body(group, pictures, rubric, deadline - loop.time())

                async def send() -> httpx.Response:
                    return await http.post("/v1/groups", json=body)

                response = await retrying(send, deadline)
            if response.is_client_error:
                raise RewardRequestError(f"{url} refused the request: {problem(response)}")
            if not response.is_success:
                raise UnavailableError(problem(response))
            return [result["reward"] for result in json_body(response)["results"]]

        async def compare_or_not(group: Sequence[Row]) -> list[float | None]:
            try:
                async with asyncio.timeout_at(deadline):
                    return await compare(group)
            except (TimeoutError, UnavailableError, RequestError) as error:
                logger.warning("%d answers were not compared: %s", len(group), error)
                return [None] * len(group)

        return await asyncio.gather(*(compare_or_not(group) for group in groups))


def _body(
    group: Sequence[Row], pictures: Pictures, rubric: str, deadline_s: float
) -> dict[str, Any]:
    samples = []
    for row in group:
        encoded = encode_sample(row, pictures)
        shown = {"images": [data_uri(image) for image in encoded.images]} if encoded.images else {}
        samples.append({**encoded.fields, **shown})
    return {"rubric": rubric, "samples": samples, "deadline_s": max(0.001, deadline_s)}
