"""Many items through an async function at once, answered in order, with bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AHEAD = 4
"""Items held at once, for each one that may be under way."""


async def in_order(
    items: Iterable[Item] | AsyncIterable[Item],
    work: Callable[[Item], Awaitable[Answer]],
    concurrency: int,
) -> AsyncGenerator[Answer, None]:
    """Answers in the order of the items, ``concurrency`` of which are under way at once.

    Answers that come before an earlier item's wait for it, and the next items are begun meanwhile,
    so that one slow item leaves no worker idle. :data:`AHEAD` times ``concurrency`` items are held
    at most, and the next is taken from ``items`` only when there is room for it.

    An error of ``work`` is raised in its item's turn, one of ``items`` behind the answers to those
    before it. Then, and when the generator is closed early, what is under way is cancelled.

    Raises:
        ValueError: ``concurrency`` below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency has to be at least 1, got {concurrency}")
    workers = asyncio.Semaphore(concurrency)
    room = asyncio.Semaphore(concurrency * AHEAD)
    window: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()

    async def one(item: Item) -> Answer:
        try:
            return await work(item)
        finally:
            workers.release()

    async def feed() -> None:
        try:
            async with aclosing(_each(items)) as each:
                await room.acquire()
                await workers.acquire()
                async for item in each:
                    window.put_nowait(asyncio.create_task(one(item)))
                    await room.acquire()
                    await workers.acquire()
        finally:
            window.put_nowait(None)

    feeder = asyncio.create_task(feed())
    try:
        while (task := await window.get()) is not None:
            yield await task
            room.release()
        await feeder
    finally:
        left: list[asyncio.Task[Answer] | asyncio.Task[None]] = [feeder]
        while not window.empty():
            if waiting := window.get_nowait():
                left.append(waiting)
        for unfinished in left:
            unfinished.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncGenerator[Item, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
