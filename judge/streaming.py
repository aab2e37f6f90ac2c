"""Many items through an async function at once, answered in order, with bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


async def in_order(
    items: Iterable[Item], work: Callable[[Item], Awaitable[Answer]], concurrency: int
) -> AsyncIterator[Answer]:
    """Answers in the order of the items, at most ``concurrency`` of which are held at once.

    Leaving the loop early, or an error, cancels what is under way.

    Raises:
        ValueError: ``concurrency`` below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency has to be at least 1, got {concurrency}")
    window: deque[asyncio.Future[Answer]] = deque()
    try:
        for item in items:
            window.append(asyncio.ensure_future(work(item)))
            if len(window) >= concurrency:
                yield await window[0]
                window.popleft()
        while window:
            yield await window[0]
            window.popleft()
    finally:
        for task in window:
            task.cancel()
        await asyncio.gather(*window, return_exceptions=True)
