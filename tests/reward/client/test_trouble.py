"""A server that is busy, broken, silent or talks nonsense."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import httpx
import pytest

from judge import Reason
from reward import RewardClient, RewardRequestError
from tests.reward.client.scripted import GOOD, RESULT, answer, broken, rows, scripted
from tests.reward.harness import picture


@pytest.mark.parametrize("trouble", [*map(answer, (429, 502, 503, 504)), broken])
async def test_retried(trouble: Callable[..., httpx.Response]) -> None:
    async with scripted(trouble, trouble, GOOD) as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=10)
    assert reward.value == 0.5


async def test_retry_after_is_honoured() -> None:
    begun = time.monotonic()
    async with scripted(answer(503, **{"retry-after": "0.7"}), GOOD) as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=10)
    assert reward.value == 0.5
    assert time.monotonic() - begun > 0.7


async def test_gives_up_at_once_where_waiting_is_of_no_use() -> None:
    begun = time.monotonic()
    async with scripted(answer(503, {"detail": "busy"}, **{"retry-after": "60"})) as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=10)
    assert reward.reason is Reason.SERVER_ERROR
    assert "busy" in reward.detail
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(500, {"detail": "bug"}),
        answer(302),
        answer(200, {}),
        answer(200, []),
        answer(200, {"results": []}),
        answer(200, {"results": [RESULT, RESULT]}),
        answer(200, {"results": [{"reward": 1.0}]}),
        answer(200, {"results": [{**RESULT, "reward": None}]}),
        answer(200, {"results": [{**RESULT, "reward": "x"}]}),
        answer(200, {"results": [{**RESULT, "reward": None, "reason": "a new one"}]}),
        lambda request: httpx.Response(200, text="<html>"),
        lambda request: httpx.Response(200, text='{"results": [{"reward": NaN}]}'),
    ],
)
async def test_nonsense_is_a_server_error(nonsense: Callable[..., httpx.Response]) -> None:
    async with scripted(nonsense) as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=10)
    assert reward.value is None
    assert reward.reason is Reason.SERVER_ERROR


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
async def test_other_refusals_are_raised(status: int) -> None:
    async with scripted(answer(status, {"detail": "not so"})) as client:
        with pytest.raises(RewardRequestError, match="not so"):
            await client.rewards(rows("x"), rubric="r")


async def test_silent_server_is_a_deadline() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with RewardClient(transport=httpx.MockTransport(hang)) as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=0.2)
    assert reward.reason is Reason.DEADLINE


async def test_pictures_are_uploaded_eight_at_a_time() -> None:
    under_way = most = 0

    async def server(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        if request.method == "POST":
            count = len(json.loads(request.content)["samples"])
            return httpx.Response(
                200, json={"judge": "x", "rubric": "y", "results": [RESULT] * count}
            )
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return httpx.Response(200, json={})

    samples = [rows("x", image=picture("red", 8 + number))[0] for number in range(30)]
    async with RewardClient(transport=httpx.MockTransport(server)) as client:
        rewards = await client.rewards(samples, rubric="r")
    assert [reward.value for reward in rewards] == [0.5] * 30
    assert most == 8


async def test_refused_picture_costs_its_own_samples_only() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(422, json={"detail": "too large"})
        return GOOD(request)

    samples = [*rows("x", image=picture()), *rows("y")]
    async with RewardClient(transport=httpx.MockTransport(server)) as client:
        rewards = await client.rewards(samples, rubric="r")
    assert [reward.reason for reward in rewards] == [Reason.BAD_REQUEST, None]
    assert "too large" in rewards[0].detail
