"""``kill -9`` of the server."""

from __future__ import annotations

import asyncio
import sqlite3

from reward import RewardClient
from tests.faults.asking import at_least, samples
from tests.faults.conftest import Start
from tests.reward.store.cases import rows


async def test_a_call_outlives_the_server(start: Start) -> None:
    """The run sees: one call that takes longer, by the time until the server is back. Its rewards
    all come, each once and in order; what had been written down is not judged again.
    """
    server = start("--store", "verdicts.db", "--judged-at-once", "4", delay=0.2)
    texts = [f"score={1 + number % 9}" for number in range(40)]
    asked = [samples(1, f"s{number}", text)[0] for number, text in enumerate(texts)]
    async with RewardClient(server.url) as client:
        call = asyncio.create_task(client.rewards(asked, rubric="captioning", deadline_s=240))
        await at_least(server, "flexreward_store_written_total", 8)
        server.kill()
        before = server.judged.total()
        await asyncio.to_thread(server.start)
        rewards = await call
    assert [each.score for each in rewards] == [1 + number % 9 for number in range(40)]
    assert 8 <= before < 40
    assert len(server.judged) == 40
    assert server.judged.total() - before <= 40 - 8


async def test_what_a_killed_server_wrote_is_whole(start: Start) -> None:
    """The run sees: the verdicts of before the kill, from the store, and no file to repair."""
    server = start("--store", "verdicts.db")
    async with RewardClient(server.url) as client:
        for number in range(3):
            calls = [
                client.rewards(samples(20, f"kill{number}-{call}"), rubric="captioning")
                for call in range(5)
            ]
            await asyncio.gather(*calls)
            server.kill()
            await asyncio.to_thread(server.start)
        rewards = await client.rewards(samples(20, "kill0-0"), rubric="captioning")
    assert all(each.value is not None for each in rewards)
    path = server.folder / "verdicts.db"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert len({row.key for row in rows(path)}) == len(rows(path)) <= server.judged.total()


async def test_a_server_that_is_stopped_for_good_leaves_its_samples_unjudged(start: Start) -> None:
    """The run sees: no reward (``server_error``) at the deadline, and no exception."""
    server = start()
    server.kill()
    async with RewardClient(server.url) as client:
        rewards = await client.rewards(samples(4), rubric="captioning", deadline_s=1.0)
    assert [each.value for each in rewards] == [None] * 4
    assert {each.reason for each in rewards} <= {"server_error", "deadline"}
