from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest

from judge import JudgeError, Reason
from reward import RewardClient, RewardRequestError, ServerNotReadyError, SyncRewardClient
from reward.server import ServerConfig, create_app
from tests.reward.client.scripted import UNREACHABLE, answer, rows
from tests.reward.harness import LiveServer, TestEngine, eventually, make_judge, picture


async def test_rewards_keep_order_and_number(live: LiveServer) -> None:
    scores = [1 + number % 10 for number in range(40)]
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(
            rows(*(f"score={score}" for score in scores)), rubric="captioning", rationale=True
        )
    assert [reward.score for reward in rewards] == scores
    assert rewards[0].value == 0.0
    assert rewards[0].rationale == "as told"
    assert rewards[0].usage.completion_tokens > 0


async def test_no_samples_no_call(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        assert await client.rewards([], rubric="captioning") == []
    assert live.calls == []


async def test_more_samples_than_one_request_takes(live: LiveServer) -> None:
    scores = [1 + number % 10 for number in range(1500)]
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(
            rows(*(f"score={score}" for score in scores)), rubric="captioning"
        )
    assert [reward.score for reward in rewards] == scores
    assert live.count("POST") == 2


async def test_unjudged_has_a_reason_and_no_value(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(rows("score=10", "garble", "fail"), rubric="captioning")
    assert [reward.value for reward in rewards] == [1.0, None, None]
    assert [reward.reason for reward in rewards] == [
        None,
        Reason.NOT_A_NUMBER,
        Reason.ENGINE_ERROR,
    ]


async def test_one_bad_sample_among_good(live: LiveServer) -> None:
    samples = rows("score=10", "score=10", "score=1", "score=1", "score=\ud800 score=2")
    samples[1]["image"] = b"not a picture"
    samples[2]["completion"] = 7
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(samples, rubric="captioning")
    assert [reward.value for reward in rewards][:4] == [1.0, None, None, 0.0]
    assert [reward.reason for reward in rewards][1:3] == [Reason.BAD_REQUEST] * 2
    assert "picture" in rewards[1].detail
    assert rewards[4].score == 2


async def test_shared_picture_is_uploaded_once(live: LiveServer) -> None:
    shared, other = picture("red"), picture("blue")
    async with RewardClient(live.url) as client:
        for _ in range(3):
            rewards = await client.rewards(
                [*rows(*["score=10"] * 8, image=shared), *rows("score=1", images=[shared, other])],
                rubric="captioning",
            )
            assert [reward.value for reward in rewards] == [1.0] * 8 + [0.0]
    assert live.count("PUT") == 2
    assert live.count("POST") == 3


async def test_pictures_are_uploaded_again_after_a_restart(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        await client.rewards(rows("score=10", image=picture()), rubric="captioning")
        live.stop()
        live.start()
        (reward,) = await client.rewards(rows("score=10", image=picture()), rubric="captioning")
    assert reward.value == 1.0
    assert live.count("PUT") == 2


async def test_waits_for_a_server_that_restarts(live: LiveServer) -> None:
    live.stop()
    threading.Timer(0.5, live.start).start()
    async with RewardClient(live.url) as client:
        (reward,) = await client.rewards(rows("score=10"), rubric="captioning", deadline_s=20)
    assert reward.value == 1.0


async def test_deadline_brings_what_was_finished(live: LiveServer, engine: TestEngine) -> None:
    begun = time.monotonic()
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(
            rows("score=10", "hang"), rubric="captioning", deadline_s=4.0
        )
    assert time.monotonic() - begun < 4.5
    assert [reward.value for reward in rewards] == [1.0, None]
    assert rewards[1].reason is Reason.DEADLINE
    assert engine.cancelled == 1


async def test_client_that_goes_away_cancels_the_work(live: LiveServer, engine: TestEngine) -> None:
    async with RewardClient(live.url) as client:
        call = asyncio.create_task(client.rewards(rows("hang"), rubric="captioning"))
        await eventually(lambda: engine.hung == 1)
        call.cancel()
        await eventually(lambda: engine.cancelled == 1)


async def test_unreachable_server_gives_reasons_in_time() -> None:
    begun = time.monotonic()
    async with RewardClient(UNREACHABLE) as client:
        rewards = await client.rewards(rows("a", "b"), rubric="captioning", deadline_s=2.0)
    assert time.monotonic() - begun < 3.0
    assert [reward.value for reward in rewards] == [None, None]
    assert [reward.reason for reward in rewards] == [Reason.SERVER_ERROR] * 2
    assert "ConnectError" in rewards[0].detail


async def test_dying_engine_gives_engine_error(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        rewards = await client.rewards(rows("die", "hang"), rubric="captioning", deadline_s=60.0)
    assert [reward.reason for reward in rewards] == [Reason.ENGINE_ERROR] * 2
    assert "died" in rewards[0].detail


async def test_the_callers_mistake_is_raised(live: LiveServer) -> None:
    async with RewardClient(live.url) as client:
        with pytest.raises(RewardRequestError, match=r"unknown rubric 'nope'.*captioning"):
            await client.rewards(rows("score=1"), rubric="nope")
    assert issubclass(RewardRequestError, JudgeError)
    assert live.count("POST") == 1


def test_an_address_is_needed() -> None:
    with pytest.raises(RewardRequestError, match="http://127"):
        RewardClient("localhost:8471")


async def test_wait_ready_and_info(live: LiveServer) -> None:
    live.stop()
    threading.Timer(0.3, live.start).start()
    async with RewardClient(live.url) as client:
        await client.wait_ready(20)
        assert (await client.info())["name"] == "default"


async def test_wait_ready_gives_up() -> None:
    async with RewardClient(UNREACHABLE) as client:
        with pytest.raises(ServerNotReadyError, match=r"within 0\.3 s"):
            await client.wait_ready(0.3)
        with pytest.raises(ServerNotReadyError, match="no answer"):
            await client.info()


async def test_wait_ready_does_not_wait_for_the_dead() -> None:
    dead = httpx.MockTransport(answer(503, {"state": "dead", "detail": "no memory"}))
    async with RewardClient(transport=dead) as client:
        with pytest.raises(ServerNotReadyError, match="no memory"):
            await client.wait_ready(60)


def test_one_client_on_several_event_loops(live: LiveServer) -> None:
    client = RewardClient(live.url)

    async def once() -> float | None:
        async with client:
            (reward,) = await client.rewards(rows("score=10"), rubric="captioning")
        return reward.value

    assert [asyncio.run(once()) for _ in range(3)] == [1.0] * 3


def test_blocking_face(live: LiveServer) -> None:
    with SyncRewardClient(live.url) as client:
        client.wait_ready(5)
        assert client.info()["name"] == "default"
        (reward,) = client.rewards(rows("score=10", image=picture()), rubric="captioning")
        assert reward.value == 1.0
        with pytest.raises(RewardRequestError):
            client.rewards(rows("score=10"), rubric="nope")
    (reward,) = client.rewards(rows("score=10"), rubric="captioning")
    assert reward.value == 1.0
    client.close()


async def test_blocking_face_inside_a_running_loop(live: LiveServer) -> None:
    with SyncRewardClient(live.url) as client:
        assert client.rewards(rows("score=10"), rubric="captioning")[0].value == 1.0


async def test_store_too_small_for_a_request_ends_at_the_deadline(tmp_path: Path) -> None:
    config = ServerConfig(media_bytes=100)
    server = LiveServer(lambda: create_app(make_judge(tmp_path, TestEngine()), config))
    server.start()
    samples = [row for color in ("red", "blue") for row in rows("score=10", image=picture(color))]
    async with RewardClient(server.url) as client:
        rewards = await client.rewards(samples, rubric="captioning", deadline_s=1.0)
    server.stop()
    assert [reward.reason for reward in rewards] == [Reason.DEADLINE] * 2
