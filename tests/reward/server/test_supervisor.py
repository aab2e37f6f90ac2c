from __future__ import annotations

import asyncio

import pytest

from tests.reward.harness import TestEngine, eventually
from tests.reward.server.asking import body, client, reasons, results, state
from tests.reward.server.conftest import Serve
from tests.reward.server.engines import MortalEngine


async def test_a_death_is_noticed_and_the_engine_started_again(serve: Serve) -> None:
    """Nothing is asked of the engine meanwhile."""
    engine = MortalEngine()
    server = serve(engine)
    async with client(server.url) as http:
        engine.is_dead = True
        await eventually(lambda: engine.starts == 2 and server.service.state == "ready")
        assert await reasons(http, "score=10") == [None]
        info = (await http.get("/v1/info")).json()
    assert (info["state"], info["restarts"]) == ("ready", 1)


async def test_what_was_under_way_is_unjudged_at_once(serve: Serve) -> None:
    engine = MortalEngine()
    server = serve(engine)
    async with client(server.url) as http:
        found = await results(http, "hang", "die")
        assert [each["reason"] for each in found] == ["engine_error"] * 2
        assert all("died" in each["detail"] for each in found)
        assert engine.cancelled == 1
        await eventually(lambda: server.service.state == "ready")
        assert await reasons(http, "score=10") == [None]
    assert engine.starts == 2


async def test_what_was_under_way_is_judged_again_where_so_set(serve: Serve) -> None:
    engine = MortalEngine()
    async with client(serve(engine, on_engine_death="retry").url) as http:
        found = await results(http, "weak score=10", "weak score=1")
    assert [each["reward"] for each in found] == [1.0, 0.0]
    assert engine.starts == 2


async def test_what_kills_the_engine_twice_is_unjudged(serve: Serve) -> None:
    engine = MortalEngine()
    server = serve(engine, on_engine_death="retry")
    async with client(server.url) as http:
        assert await reasons(http, "die") == ["engine_error"]
        await eventually(lambda: server.service.state == "ready")
    assert engine.starts == 3


async def test_what_waits_for_its_turn_is_judged_after_the_restart(serve: Serve) -> None:
    async with client(serve(MortalEngine(), judged_at_once=1).url) as http:
        assert await reasons(http, "die", "score=10") == ["engine_error", None]


async def test_requests_are_refused_while_it_restarts(serve: Serve) -> None:
    async with client(serve(MortalEngine(), restart_pause_s=600).url) as http:
        assert await reasons(http, "die") == ["engine_error"]
        assert await state(http) == "restarting"
        refused = await http.post("/v1/rewards", json=body("score=10"))
        assert refused.status_code == 503
        assert refused.json()["state"] == "restarting"
        assert int(refused.headers["retry-after"]) > 0
        assert (await http.get("/health")).status_code == 200


async def test_a_restart_that_fails_is_tried_again(serve: Serve) -> None:
    engine = MortalEngine(refusals=2)
    server = serve(engine)
    async with client(server.url) as http:
        await reasons(http, "die")
        await eventually(lambda: server.service.state == "ready")
        assert await reasons(http, "score=10") == [None]
    assert engine.starts == 4
    assert server.service.supervisor.restarts == 1


@pytest.mark.parametrize("most", [0, 2])
async def test_an_engine_that_dies_too_often_is_given_up(most: int, serve: Serve) -> None:
    engine = MortalEngine()
    server = serve(engine, max_restarts=most)
    async with client(server.url) as http:
        for _ in range(most):
            await reasons(http, "die")
            await eventually(lambda: server.service.state == "ready")
        await reasons(http, "die")
        await eventually(lambda: server.service.state == "dead")
        assert await state(http) == "dead"
        refused = await http.post("/v1/rewards", json=body("score=10"))
    assert engine.starts == 1 + most
    assert (refused.status_code, refused.json()["state"]) == (503, "dead")
    assert f"given up after {most} restarts" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0


async def test_deaths_long_ago_are_forgiven(serve: Serve) -> None:
    engine = MortalEngine()
    server = serve(engine, max_restarts=1, restart_window_s=0.2)
    async with client(server.url) as http:
        for _ in range(3):
            await reasons(http, "die")
            await eventually(lambda: server.service.state == "ready")
            await asyncio.sleep(0.3)
    assert server.service.supervisor.restarts == 3


async def test_who_waits_for_an_engine_that_is_given_up_is_answered(serve: Serve) -> None:
    server = serve(MortalEngine(), max_restarts=0, on_engine_death="retry", judged_at_once=1)
    async with client(server.url) as http:
        assert await reasons(http, "die", "score=10") == ["engine_error"] * 2


async def test_the_warm_up_comes_before_ready_and_can_be_left_out(serve: Serve) -> None:
    class Counting(TestEngine):
        asked = 0

        async def generate(self, prompt, decoding):  # type: ignore[no-untyped-def]
            self.asked += 1
            return await super().generate(prompt, decoding)

    warm, cold = Counting(), Counting()
    serve(warm)
    serve(cold, warm_up=False)
    assert (warm.asked, cold.asked) == (1, 0)


async def test_an_engine_that_dies_of_the_warm_up_is_dead(serve: Serve) -> None:
    engine = MortalEngine()
    engine.start = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    engine.is_dead = True
    async with client(serve(engine).url) as http:
        assert await state(http) == "dead"
