from __future__ import annotations

import asyncio
from pathlib import Path

from judge import EngineError
from tests.reward.harness import TestEngine, eventually
from tests.reward.server.asking import body, client, reasons, results, state
from tests.reward.server.conftest import Serve
from tests.reward.server.engines import SleepyEngine


async def test_sleeps_and_wakes(serve: Serve) -> None:
    engine = SleepyEngine()
    async with client(serve(engine).url) as http:
        asleep = await http.post("/v1/sleep?level=2")
        assert (asleep.status_code, asleep.json()["state"]) == (200, "asleep")
        assert engine.slept == [2]
        assert await state(http) == "asleep"
        again = await http.post("/v1/sleep")
        assert again.json()["state"] == "asleep"
        assert engine.slept == [2]
        awake = await http.post("/v1/wake")
        assert (awake.status_code, awake.json()) == (200, {"state": "ready", "detail": ""})
        assert (await http.post("/v1/wake")).status_code == 200
        assert await reasons(http, "score=10") == [None]


async def test_requests_wait_for_its_waking(serve: Serve) -> None:
    server = serve(SleepyEngine())
    async with client(server.url) as http:
        await http.post("/v1/sleep")
        asked = asyncio.create_task(reasons(http, "score=10", "score=1"))
        await eventually(lambda: server.service.queue.in_flight == 2)
        await asyncio.sleep(0.1)
        assert not asked.done()
        await http.post("/v1/wake")
        assert await asked == [None, None]


async def test_requests_wait_no_longer_than_their_deadline(serve: Serve) -> None:
    async with client(serve(SleepyEngine()).url) as http:
        await http.post("/v1/sleep")
        assert await reasons(http, "score=10", deadline_s=0.2) == ["deadline"]


async def test_stored_verdicts_need_no_waking(serve: Serve, tmp_path: Path) -> None:
    async with client(serve(SleepyEngine(), store=str(tmp_path / "verdicts.db")).url) as http:
        (judged,) = await results(http, "score=10")
        await http.post("/v1/sleep")
        found = await results(http, "score=10", "score=1", deadline_s=2.0)
        assert (found[0]["reward"], found[0]["cached"]) == (judged["reward"], True)
        assert found[1]["reason"] == "deadline"
        metrics = (await http.get("/metrics")).text
    assert "flexreward_cache_hits_total 1.0" in metrics


async def test_requests_are_refused_where_so_set(serve: Serve) -> None:
    async with client(serve(SleepyEngine(), while_asleep="refuse").url) as http:
        await http.post("/v1/sleep")
        refused = await http.post("/v1/rewards", json=body("score=10"))
    assert (refused.status_code, refused.json()["state"]) == (503, "asleep")
    assert int(refused.headers["retry-after"]) > 0


async def test_what_is_under_way_ends_before_it_sleeps(serve: Serve) -> None:
    engine = SleepyEngine(delay=0.5)
    server = serve(engine)
    async with client(server.url) as http:
        asked = asyncio.create_task(reasons(http, "score=10"))
        await eventually(lambda: server.service.queue.in_flight == 1)
        assert (await http.post("/v1/sleep")).status_code == 200
        assert await asked == [None]
        assert engine.slept == [1]


async def test_an_engine_that_cannot_sleep_says_so(serve: Serve) -> None:
    async with client(serve(TestEngine()).url) as http:
        for path in ("/v1/sleep", "/v1/wake"):
            refused = await http.post(path)
            assert refused.status_code == 409
            assert "cannot sleep" in refused.json()["detail"]
        assert await state(http) == "ready"


async def test_an_engine_that_does_not_fall_asleep_stays_awake(serve: Serve) -> None:
    engine = SleepyEngine()

    async def sleep(level: int) -> None:
        raise EngineError("no room for the weights")

    engine.sleep = sleep  # type: ignore[method-assign]
    async with client(serve(engine).url) as http:
        refused = await http.post("/v1/sleep")
        assert (refused.status_code, refused.json()["detail"]) == (409, "no room for the weights")
        assert await reasons(http, "score=10") == [None]


async def test_an_engine_that_does_not_wake_is_started_again(serve: Serve) -> None:
    engine = SleepyEngine()
    server = serve(engine)
    async with client(server.url) as http:
        await http.post("/v1/sleep")
        engine.is_stuck = True
        assert (await http.post("/v1/wake")).status_code == 409
        await eventually(lambda: server.service.state == "ready")
        assert await reasons(http, "score=10") == [None]
    assert engine.starts == 2


async def test_an_engine_that_dies_in_its_sleep_is_started_again(serve: Serve) -> None:
    engine = SleepyEngine()
    server = serve(engine)
    async with client(server.url) as http:
        await http.post("/v1/sleep")
        engine.is_dead = True
        await eventually(lambda: server.service.state == "ready")
        assert await reasons(http, "score=10") == [None]


async def test_there_are_two_levels(serve: Serve) -> None:
    engine = SleepyEngine()
    async with client(serve(engine).url) as http:
        for level in ("0", "3", "deep"):
            assert (await http.post(f"/v1/sleep?level={level}")).status_code == 422
    assert engine.slept == []
