"""A judge that never answers."""

from __future__ import annotations

import asyncio

from reward import RewardClient
from tests.faults.asking import gauge, samples
from tests.faults.conftest import Start


async def test_what_hangs_is_unjudged_at_its_deadline(start: Start) -> None:
    """The run sees: no reward (``deadline``) for what hangs, at the deadline; the rewards of all
    else, of which none is late as the places of what hung are free again.
    """
    server = start("--judged-at-once", "8")
    loop = asyncio.get_running_loop()
    async with RewardClient(server.url) as client:
        for step in range(2):
            begun = loop.time()
            mixed = [*samples(7, f"step{step}"), *samples(4, text="hang")]
            rewards = await client.rewards(mixed, rubric="captioning", deadline_s=3.0)
            assert 2.0 < loop.time() - begun < 30.0
            assert [each.reason for each in rewards] == [None] * 7 + ["deadline"] * 4
            await gauge(server, "flexreward_in_flight_samples", 0)
        rewards = await client.rewards(samples(32, "last"), rubric="captioning")
    assert all(each.value is not None for each in rewards)
    assert server.is_ready()


async def test_a_judge_that_hangs_for_all_is_only_as_late_as_the_deadline(start: Start) -> None:
    """The run sees: a step without rewards, ``deadline_s`` long, whatever waits behind it."""
    server = start("--judged-at-once", "8")
    async with RewardClient(server.url) as client, asyncio.timeout(30):
        hanging = samples(100, text="hang")
        rewards = await client.rewards(hanging, rubric="captioning", deadline_s=1.0)
        assert [each.reason for each in rewards] == ["deadline"] * 100
        assert (await client.rewards(samples(1), rubric="captioning"))[0].value is not None
