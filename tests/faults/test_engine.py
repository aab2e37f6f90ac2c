"""``kill -9`` of the engine. The real one's death: ``tests/engine/test_vllm_death.py``."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from reward import RewardClient
from tests.faults.asking import gauge, samples, under_way
from tests.faults.conftest import Start


async def test_what_was_under_way_is_unjudged_at_once(start: Start) -> None:
    """The run sees: no reward (``engine_error``) for what the engine had in hand, at once and not
    at the deadline; its next call takes as long as the restart does, and is judged.
    """
    server = start("--restart-pause-s", "0.1", delay=30.0)
    async with RewardClient(server.url) as client:
        asked = asyncio.create_task(client.rewards(samples(8), rubric="captioning"))
        await under_way(server, 8)
        os.kill(server.engine_pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            rewards = await asked
        assert [(each.value, each.reason) for each in rewards] == [(None, "engine_error")] * 8
        assert all("process is gone" in each.detail for each in rewards)
        again = asyncio.create_task(client.rewards(samples(1), rubric="captioning"))
        await under_way(server, 1)  # the engine is back, and has it
        again.cancel()


async def test_what_was_under_way_is_judged_again_where_so_set(start: Start) -> None:
    """The run sees, with ``--on-engine-death retry``: a call that takes longer, every reward."""
    server = start("--restart-pause-s", "0.1", "--on-engine-death", "retry", delay=1.0)
    async with RewardClient(server.url) as client:
        asked = asyncio.create_task(client.rewards(samples(8), rubric="captioning"))
        await under_way(server, 8)
        os.kill(server.engine_pid, signal.SIGKILL)
        rewards = await asked
    assert all(each.value is not None for each in rewards)
    assert set(server.judged.values()) == {1}


async def test_an_engine_that_dies_between_two_steps_costs_nothing(start: Start) -> None:
    """The run sees: nothing, or a call that takes a second longer."""
    server = start("--restart-pause-s", "0.1")
    async with RewardClient(server.url) as client:
        for step in range(3):
            rewards = await client.rewards(samples(4, f"step{step}"), rubric="captioning")
            assert all(each.value is not None for each in rewards)
            os.kill(server.engine_pid, signal.SIGKILL)
            await gauge(server, "flexreward_engine_restarts_total", step + 1)
    assert set(server.judged.values()) == {1}


@pytest.mark.slow
async def test_a_run_outlives_an_engine_that_keeps_dying(start: Start) -> None:
    """The run sees, over twenty deaths in a row: calls that take longer, and every reward."""
    never_backing_off = ("--restart-pause-s", "0.01", "--restart-window-s", "0.01")
    server = start(*never_backing_off, "--on-engine-death", "retry")
    async with RewardClient(server.url) as client:
        for step in range(20):
            asked = asyncio.create_task(
                client.rewards(samples(16, f"step{step}"), rubric="captioning")
            )
            await asyncio.sleep(0.02)
            os.kill(server.engine_pid, signal.SIGKILL)
            rewards = await asked
            assert all(each.value is not None for each in rewards)
            await gauge(server, "flexreward_engine_restarts_total", step + 1)
