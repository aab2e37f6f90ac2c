"""The front over replicas that are real applications in this process, chosen by a key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from judge import Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward import Cohort, RewardClient
from reward.scale.exchange import Answered, Asked, ReplicaGoneError
from reward.scale.front import Front
from reward.scale.replica import JudgeReplica
from reward.server.config import ServerConfig
from tests.reward.harness import make_judge, picture


def replying(name: str) -> Callable[[Prompt], str]:
    """A script whose reasoning is the name."""

    def reply(prompt: Prompt) -> str:
        scores = re.findall(r"score=(\w+)", prompt_text(prompt)) or ["5"]
        tags = "".join(f"<answer>{score}</answer>" for score in scores)
        return f"<think>\n{name}\n</think>\n{tags}".removeprefix(prompt.begun)

    return reply


class Replicas:
    """Two of them; the key's hash says which. ``dead`` ones answer nothing."""

    def __init__(self, replicas: list[JudgeReplica]) -> None:
        self.replicas = replicas
        self.asked: list[tuple[int, str]] = []
        self.dead: set[int] = set()

    async def ask(self, key: str, asked: Asked) -> Answered:
        up = [place for place in range(len(self.replicas)) if place not in self.dead]
        if not up:
            raise ReplicaGoneError("there is none")
        place = up[sum(key.encode()) % len(up)]
        self.asked.append((place, f"{asked.method} {asked.path}"))
        return await self.replicas[place].ask(asked)

    def count(self, what: str) -> int:
        return sum(what in asked for _, asked in self.asked)


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[Replicas]:
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for name in "ab":
            judge = make_judge(tmp_path / name, ScriptedEngine(replying(name)))
            replica = JudgeReplica(ServerConfig(), lambda config, judge=judge: judge)
            await replica.load()
            stack.push_async_callback(replica.close)
            made.append(replica)
        yield Replicas(made)


def served(front: Front) -> httpx.ASGITransport:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await front.answer(Request(scope, receive))
        await response(scope, receive, send)

    return httpx.ASGITransport(app)


def asking(front: Front) -> RewardClient:
    return RewardClient(transport=served(front))


@pytest.fixture
async def client(replicas: Replicas) -> AsyncIterator[RewardClient]:
    async with asking(Front(replicas, max_body_bytes=100_000, media_bytes=100_000)) as client:
        yield client


def groups(count: int) -> list[dict[str, Any]]:
    images = [picture(size=8 + number) for number in range(count)]
    return [
        {"prompt": "Rate this.", "completion": f"score={score}", "image": image}
        for image in images
        for score in (1, 10)
    ]


async def test_each_group_is_judged_by_one_replica(
    client: RewardClient, replicas: Replicas
) -> None:
    for _ in range(2):
        rewards = await client.rewards(groups(12), rubric="captioning", rationale=True)
        assert [reward.value for reward in rewards] == [0.0, 1.0] * 12
        names = [reward.rationale for reward in rewards]
        assert names[::2] == names[1::2]
        assert set(names) == {"a", "b"}
    assert replicas.count("PUT") == 12


async def test_a_replica_gets_the_pictures_that_it_misses(
    client: RewardClient, replicas: Replicas
) -> None:
    await client.rewards(groups(6), rubric="captioning")
    replicas.dead = {0}
    rewards = await client.rewards(groups(6), rubric="captioning", rationale=True)
    assert [reward.value for reward in rewards] == [0.0, 1.0] * 6
    assert {reward.rationale for reward in rewards} == {"b"}


async def test_what_the_front_forgot_the_client_uploads_again(replicas: Replicas) -> None:
    async with asking(Front(replicas, max_body_bytes=100_000, media_bytes=1)) as client:
        await client.rewards(groups(6), rubric="captioning")
        uploads = replicas.count("PUT")
        replicas.dead = {0}
        rewards = await client.rewards(groups(6), rubric="captioning")
    assert [reward.value for reward in rewards] == [0.0, 1.0] * 6
    assert replicas.count("PUT") > uploads == 6


async def test_no_replica_is_not_now(client: RewardClient, replicas: Replicas) -> None:
    replicas.dead = {0, 1}
    (reward,) = await client.rewards(
        [{"prompt": "p", "completion": "a"}], rubric="captioning", deadline_s=1
    )
    assert reward.reason == "deadline"


async def test_the_rest_is_passed_on(client: RewardClient) -> None:
    await client.wait_ready(5)
    assert (await client.info())["name"] == "default"
    rows = [{"prompt": "p", "completion": f"score={score}"} for score in (3, 9)]
    cohort = Cohort("run/1", "0", size=2)
    members = await client.group_rewards(rows, rubric="captioning", cohort=cohort)
    assert [member.reward.value for member in members] == [0.0, 1.0]
    (judged,) = await client.judgements(
        [{"prompt": "p", "completions": ["score=3", "score=9"]}], rubric="captioning"
    )
    assert judged.preference == 1


async def test_refused_at_the_front(replicas: Replicas) -> None:
    transport = served(Front(replicas, max_body_bytes=100, media_bytes=10))
    async with httpx.AsyncClient(transport=transport, base_url="http://front") as http:
        assert (await http.post("/v1/rewards", content=b"x" * 101)).status_code == 413
        assert (await http.post("/v1/sleep")).status_code == 501
        assert (await http.post("/v1/rewards", content=b"nonsense")).status_code == 422
        assert (await http.post("/v1/rewards", content=b'{"samples":[1]}')).status_code == 422
    assert replicas.count("sleep") == 0
