"""``kill -9`` of PostgreSQL, and one that hangs."""

from __future__ import annotations

import asyncio

from reward import RewardClient
from tests.faults.asking import at_least, gauge, samples
from tests.faults.conftest import Start
from tests.reward.store.cases import rows
from tests.reward.store.postgres import Postgres


async def test_rewards_need_no_database(start: Start, postgres: Postgres) -> None:
    """The run sees: nothing but verdicts judged anew. What was judged while PostgreSQL was away is
    written once it is back.
    """
    location = postgres.new_database()
    server = start("--store", location)
    async with RewardClient(server.url) as client:
        for step, break_ in enumerate((None, postgres.kill, None)):
            if break_:
                break_()
            for _ in range(2):
                rewards = await client.rewards(samples(16, f"step{step}"), rubric="captioning")
                assert all(each.value is not None for each in rewards)
        assert server.metric("flexreward_store_failures_total") > 0
        await asyncio.to_thread(postgres.start)
        await gauge(server, "flexreward_store_written_total", server.judged.total())
    assert server.metric("flexreward_store_lost_total") == 0
    assert len(rows(location)) == server.judged.total() >= 48


async def test_a_hanging_database_delays_one_call(start: Start, postgres: Postgres) -> None:
    """The run sees: one call that takes the five seconds of a lookup longer, and its rewards."""
    server = start("--store", postgres.new_database())
    loop = asyncio.get_running_loop()
    async with RewardClient(server.url) as client:
        await client.rewards(samples(1, "before"), rubric="captioning")
        with postgres.stopped():
            begun = loop.time()
            for step in range(3):
                rewards = await client.rewards(samples(16, f"step{step}"), rubric="captioning")
                assert all(each.value is not None for each in rewards)
            assert loop.time() - begun < 12  # the lookup's five, and room for a busy machine
        await at_least(server, "flexreward_store_written_total", 49)
    assert server.judged.total() == 49
