"""Many items at once: in order, bounded, lazily read, and cleaned up whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.streaming import AHEAD, in_order


class Source:
    """Counts the items that were taken from it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self._count):
            self.taken += 1
            yield number


class Work:
    """Answers each item tenfold once its gate is open; ``waiting`` are under way."""

    def __init__(self) -> None:
        self.gates: dict[int, asyncio.Event] = {}
        self.waiting: set[int] = set()
        self.cancelled: set[int] = set()

    async def __call__(self, item: int) -> int:
        self.waiting.add(item)
        try:
            await self.gate(item).wait()
        except asyncio.CancelledError:
            self.cancelled.add(item)
            raise
        finally:
            self.waiting.discard(item)
        return 10 * item

    def gate(self, item: int) -> asyncio.Event:
        return self.gates.setdefault(item, asyncio.Event())


async def settle() -> None:
    """Lets all that can go on go on."""
    for _ in range(300):
        await asyncio.sleep(0)


@given(turns=st.lists(st.integers(0, 4), max_size=40), concurrency=st.integers(1, 9))
async def test_answers_come_in_order_however_long_each_takes(
    turns: list[int], concurrency: int
) -> None:
    under_way, peak = 0, 0

    async def work(item: int) -> int:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        for _ in range(turns[item]):
            await asyncio.sleep(0)
        under_way -= 1
        return item

    items = range(len(turns))
    assert [answer async for answer in in_order(items, work, concurrency)] == list(items)
    assert peak <= concurrency


async def test_a_slow_head_leaves_no_worker_idle_but_memory_is_bounded() -> None:
    work, source = Work(), Source(1000)
    for item in range(1, 1000):
        work.gate(item).set()
    answers = in_order(source, work, 3)
    head = asyncio.ensure_future(anext(answers))
    await settle()
    assert source.taken == 3 * AHEAD, "it went on beside the slow head, and no further"
    assert work.waiting == {0}
    work.gate(0).set()
    assert await head == 0
    await settle()
    assert source.taken == 3 * AHEAD, "room is made when the next answer is asked for"
    assert await anext(answers) == 10
    await settle()
    assert source.taken == 3 * AHEAD + 1
    await answers.aclose()


async def test_workers_stay_busy_while_the_caller_is_slow() -> None:
    work, source = Work(), Source(100)
    answers = in_order(source, work, 2)
    first = asyncio.ensure_future(anext(answers))
    await settle()
    assert work.waiting == {0, 1}
    work.gate(0).set()
    assert await first == 0
    await settle()
    assert work.waiting == {1, 2}, "the freed worker went on without being asked"
    await answers.aclose()


async def test_closing_early_cancels_what_is_under_way() -> None:
    work = Work()
    work.gate(0).set()
    answers = in_order(Source(100), work, 4)
    async for answer in answers:
        assert answer == 0
        await settle()
        break
    await answers.aclose()
    assert work.cancelled == {1, 2, 3, 4}
    assert not work.waiting


async def test_cancelling_the_caller_cancels_what_is_under_way() -> None:
    work = Work()

    async def consume() -> None:
        async for _ in in_order(Source(100), work, 4):
            pass

    task = asyncio.create_task(consume())
    await settle()
    assert work.waiting == {0, 1, 2, 3}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settle()
    assert not work.waiting


async def test_an_error_is_raised_in_its_turn_and_cancels_the_rest() -> None:
    work = Work()
    for item in (0, 2):
        work.gate(item).set()

    async def failing(item: int) -> int:
        if item == 1:
            raise ZeroDivisionError("a bug")
        return await work(item)

    answers = in_order(Source(100), failing, 4)
    assert await anext(answers) == 0
    await settle()
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await anext(answers)
    assert not work.waiting
    assert 3 in work.cancelled


async def test_an_error_of_the_source_comes_behind_the_answers_before_it() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise OSError("the disk is gone")

    async def work(item: int) -> int:
        await asyncio.sleep(0)
        return item

    answers = in_order(source(), work, 2)
    assert [await anext(answers) for _ in range(5)] == list(range(5))
    with pytest.raises(OSError, match="the disk is gone"):
        await anext(answers)


async def test_an_async_source_is_taken_as_it_comes() -> None:
    tickets: asyncio.Queue[int | None] = asyncio.Queue()

    async def source() -> AsyncIterator[int]:
        while (item := await tickets.get()) is not None:
            yield item

    async def work(item: int) -> int:
        return -item

    answers = in_order(source(), work, 8)
    for item in (1, 2):
        tickets.put_nowait(item)
        assert await anext(answers) == -item, "an answer does not wait for items to come"
    tickets.put_nowait(None)
    assert [answer async for answer in answers] == []


@pytest.mark.parametrize("concurrency", [0, -1])
async def test_concurrency_below_one_is_refused(concurrency: int) -> None:
    async def work(item: int) -> int:
        return item

    with pytest.raises(ValueError, match="at least 1"):
        await anext(in_order([1], work, concurrency))
