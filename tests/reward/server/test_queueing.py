from __future__ import annotations

import asyncio

import pytest

from reward.server.errors import QueueFullError
from reward.server.queueing import SampleQueue
from tests.reward.harness import TestEngine, eventually
from tests.reward.server.asking import body, client, reasons
from tests.reward.server.conftest import Serve


async def answer(item: str, queued_s: float) -> str:
    return item


async def hang(item: str, queued_s: float) -> str:
    await asyncio.sleep(600)
    return item


async def test_so_many_are_worked_on_at_once_first_come_first_served() -> None:
    queue = SampleQueue(at_once=2, most_waiting=10)
    begun: list[str] = []
    most = 0

    async def work(item: str, queued_s: float) -> str:
        nonlocal most
        begun.append(item)
        most = max(most, queue.in_flight)
        await asyncio.sleep(0)
        return item.upper()

    tasks = queue.start("abc", work) + queue.start("de", work)
    assert (queue.waiting, queue.in_flight) == (5, 0)
    assert await asyncio.gather(*tasks) == list("ABCDE")
    assert begun == list("abcde")
    assert most == 2
    assert queue.pending == 0


async def test_work_is_told_how_long_it_waited() -> None:
    queue = SampleQueue(at_once=1, most_waiting=10)

    async def work(item: str, queued_s: float) -> float:
        await asyncio.sleep(0.05)
        return queued_s

    first, second = await asyncio.gather(*queue.start("ab", work))
    assert first < 0.04 < second


async def test_a_full_queue_takes_nothing_more() -> None:
    queue = SampleQueue(at_once=1, most_waiting=2)
    held = queue.start("abc", hang)
    await asyncio.sleep(0)
    assert (queue.waiting, queue.in_flight) == (2, 1)
    with pytest.raises(QueueFullError, match="2 samples are waiting, at most 2 may") as refused:
        queue.start("d", answer)
    assert refused.value.retry_after_s == 2  # nothing has been finished to tell by
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert await asyncio.gather(*queue.start("d", answer)) == ["d"]


async def test_a_request_is_taken_whole_where_nobody_waits() -> None:
    queue = SampleQueue(at_once=1, most_waiting=2)
    assert await asyncio.gather(*queue.start("abcdef", answer)) == list("abcdef")


async def test_waiting_is_told_by_throughput() -> None:
    queue = SampleQueue(at_once=4, most_waiting=100)
    await asyncio.gather(*queue.start("x" * 10, answer))
    # Ten within less than a second count as ten a second.
    assert [queue.seconds_for(count) for count in (1, 50, 10_000)] == [1, 5, 60]


async def test_what_is_cancelled_unbegun_leaves_the_queue() -> None:
    queue = SampleQueue(at_once=1, most_waiting=2)
    tasks = queue.start("abc", hang)
    for task in tasks:
        task.cancel()
    async with asyncio.timeout(10):
        await queue.drained()
    assert queue.pending == 0


async def test_a_full_server_answers_429_and_when_to_come_again(serve: Serve) -> None:
    engine = TestEngine()
    server = serve(engine, judged_at_once=1, queue_samples=2)
    async with client(server.url) as http, client(server.url) as leaving:
        held = asyncio.create_task(leaving.post("/v1/rewards", json=body(*["hang"] * 3)))
        await eventually(lambda: server.service.queue.waiting == 2)
        refused = await http.post("/v1/rewards", json=body("score=10"))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "the queue is full" in refused.json()["detail"]
        held.cancel()  # the client goes away, and what it asked for with it
        await eventually(lambda: server.service.queue.pending == 0)
        assert await reasons(http, "score=10") == [None]
    assert engine.cancelled == 1


async def test_the_deadline_counts_the_time_in_the_queue(serve: Serve) -> None:
    server = serve(TestEngine(), judged_at_once=1)
    async with client(server.url) as http:
        found = await reasons(http, "hang", "score=10", deadline_s=0.5)
    assert found == ["deadline", "deadline"]
    assert server.service.queue.pending == 0
