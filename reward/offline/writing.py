"""Work in a thread that ends when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


async def in_thread(work: Callable[[Event], T]) -> T:
    """What the work returns, which is given an event that is set when the caller is cancelled:
    after Ctrl-C, Python waits for all threads.
    """
    stop = Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()


def steps(items: Iterable[T], name: str, total: int | None, stop: Event) -> Iterator[T]:
    """The items, with a progress bar, until the event is set.

    Raises:
        asyncio.CancelledError: it was set.
    """
    for item in tqdm(items, total=total, desc=name, unit="row"):
        if stop.is_set():
            raise asyncio.CancelledError
        yield item
