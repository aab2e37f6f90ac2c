"""Two servers on one store."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from reward import RewardClient
from tests.faults.asking import at_least, samples
from tests.faults.conftest import Start
from tests.reward.store.cases import rows


async def test_both_are_asked_the_same(start: Start, location: str) -> None:
    """The run sees: the same rewards from either. A sample that both are given at once may be
    judged by each of them, and by neither ever again; nothing written is lost.
    """
    servers = [start("--store", location, delay=0.2) for _ in range(2)]
    clients = [RewardClient(server.url) for server in servers]
    asked = samples(64)
    for _ in range(2):
        calls = [client.rewards(asked, rubric="captioning") for client in clients]
        first, second = await asyncio.gather(*calls)
        assert [each.value for each in first] == [each.value for each in second]
        assert all(each.value is not None for each in first)
        for server in servers:
            written = float(server.judged.total())
            await at_least(server, "flexreward_store_written_total", written)
    await asyncio.gather(*(client.aclose() for client in clients))
    judged = servers[0].judged + servers[1].judged
    assert len(judged) == 64
    assert max(judged.values()) <= 2
    assert len(rows(location)) == judged.total()


async def test_one_of_them_is_killed(start: Start, tmp_path: Path) -> None:
    """The run of the other sees: nothing; what the killed one wrote is there for it."""
    location = tmp_path / "verdicts.db"
    one, other = (start("--store", str(location), delay=0.05) for _ in range(2))
    async with RewardClient(one.url) as client, RewardClient(other.url) as survivor:
        await client.rewards(samples(8, "both"), rubric="captioning")
        await at_least(one, "flexreward_store_written_total", 8)
        lost = asyncio.create_task(client.rewards(samples(64, "lost"), rubric="captioning"))
        kept = asyncio.create_task(survivor.rewards(samples(64, "kept"), rubric="captioning"))
        await at_least(one, "flexreward_store_written_total", 9)
        one.kill()
        lost.cancel()
        rewards = await kept + await survivor.rewards(samples(8, "both"), rubric="captioning")
    assert all(each.value is not None for each in rewards)
    assert len(other.judged) == other.judged.total() == 64
    with sqlite3.connect(location) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
