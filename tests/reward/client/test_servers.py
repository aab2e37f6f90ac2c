"""Several servers: shared out, left out, come back."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Reason
from reward import RewardClient, ServerNotReadyError
from reward.server import create_app
from tests.reward.client.scripted import RESULT, UNREACHABLE, rows
from tests.reward.harness import LiveServer, TestEngine, make_judge, picture

A, B = "http://a:1", "http://b:1"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two servers of equal judges."""
    judges = [make_judge(tmp_path / "judge", TestEngine()) for _ in range(2)]
    servers = (
        LiveServer(lambda: create_app(judges[0])),
        LiveServer(lambda: create_app(judges[1])),
    )
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.stop()


def groups(count: int) -> list[dict[str, Any]]:
    pictures = [picture("red", 8 + number) for number in range(count)]
    return [row for image in pictures for row in rows("score=10", "score=1", image=image)]


async def test_each_picture_goes_to_one_server_once(pair: tuple[LiveServer, LiveServer]) -> None:
    async with RewardClient([server.url for server in pair]) as client:
        for _ in range(3):
            rewards = await client.rewards(groups(12), rubric="captioning")
            assert [reward.value for reward in rewards] == [1.0, 0.0] * 12
    uploads = [server.count("PUT") for server in pair]
    assert sum(uploads) == 12
    assert min(uploads) > 0


async def test_concurrent_calls_upload_a_picture_once(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        calls = [client.rewards(groups(1), rubric="captioning") for _ in range(8)]
        assert len(await asyncio.gather(*calls)) == 8
    assert live.count("PUT") == 1


async def test_a_server_that_stops_costs_nothing(pair: tuple[LiveServer, LiveServer]) -> None:
    async with RewardClient([server.url for server in pair]) as client:
        await client.rewards(groups(8), rubric="captioning")
        pair[0].stop()
        begun = time.monotonic()
        rewards = await client.rewards(groups(8), rubric="captioning")
        assert time.monotonic() - begun < 5
        assert [reward.value for reward in rewards] == [1.0, 0.0] * 8
        pair[0].start()
        calls = pair[0].count("POST")
        async with asyncio.timeout(30):
            while pair[0].count("POST") == calls:
                await client.rewards(groups(8), rubric="captioning")
                await asyncio.sleep(0.05)


class Two:
    """Two servers; each answers by what ``answers`` holds for it, else rightly."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self.asked: Counter[str] = Counter()
        self.judge = dict.fromkeys("ab", "one judge")

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.asked[f"{host}{request.url.path}"] += 1
        if host in self.answers:
            return self.answers[host]
        if request.url.path != "/v1/rewards":
            return httpx.Response(200)
        count = len(json.loads(request.content)["samples"])
        return httpx.Response(200, json={"judge": self.judge[host], "results": [RESULT] * count})

    def client(self) -> RewardClient:
        return RewardClient([A, B], transport=httpx.MockTransport(self))


@pytest.mark.parametrize("status", [429, 503])
async def test_not_now_is_asked_elsewhere_at_once(status: int) -> None:
    two = Two()
    two.answers["a"] = httpx.Response(status, headers={"retry-after": "60"})
    async with two.client() as client:
        for _ in range(5):
            begun = time.monotonic()
            rewards = await client.rewards(rows(*"wxyz", prompt="?"), rubric="r", deadline_s=5)
            assert [reward.value for reward in rewards] == [0.5] * 4
            assert time.monotonic() - begun < 1
    assert two.asked["a/v1/rewards"] == 1
    assert two.asked["a/ready"] == 0  # before its time


async def test_a_server_is_asked_whether_it_is_back_before_it_gets_samples() -> None:
    two = Two()
    two.answers["a"] = httpx.Response(503)
    async with two.client() as client:
        async with asyncio.timeout(30):
            while two.asked["a/ready"] < 2:
                await client.rewards(rows("x"), rubric="r")
        assert two.asked["a/v1/rewards"] == 1
        del two.answers["a"]
        async with asyncio.timeout(30):
            while two.asked["a/v1/rewards"] < 2:
                await client.rewards(rows("x"), rubric="r")


async def test_an_engine_asleep_is_back() -> None:
    """Requests wait for it, as its server says."""
    two = Two()
    two.answers = dict.fromkeys("ab", httpx.Response(503, json={"state": "asleep"}))
    async with two.client() as client:
        await client.rewards(rows("x"), rubric="r", deadline_s=2)
    assert two.asked["a/v1/rewards"] + two.asked["b/v1/rewards"] > 2


async def test_all_servers_failing_is_unjudged_with_the_reason() -> None:
    two = Two()
    two.answers = dict.fromkeys("ab", httpx.Response(503, json={"detail": "no memory"}))
    async with two.client() as client:
        (reward,) = await client.rewards(rows("x"), rubric="r", deadline_s=1)
    assert reward.reason is Reason.SERVER_ERROR
    assert "no memory" in reward.detail


async def test_servers_of_different_judges_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    two = Two()
    two.judge["b"] = "another judge"
    async with two.client() as client:
        await client.rewards([*rows("x", prompt="1"), *rows("x", prompt="2")], rubric="r")
    assert "another judge" in caplog.text
    assert "one judge" in caplog.text


async def test_one_ready_server_is_enough(live: LiveServer) -> None:
    async with RewardClient([UNREACHABLE, live.url]) as client:
        await client.wait_ready(20)
        assert (await client.info())["name"] == "default"


async def test_none_ready_names_each() -> None:
    async with RewardClient([UNREACHABLE, "http://127.0.0.1:1"]) as client:
        with pytest.raises(ServerNotReadyError, match=r"127\.0\.0\.1:9: Connect.*127\.0\.0\.1:1:"):
            await client.wait_ready(0.5)
