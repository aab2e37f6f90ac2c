"""Work in a thread ends with the one who waits for it."""

from __future__ import annotations

import asyncio
from itertools import count
from threading import Event

import pytest

from reward.offline.writing import in_thread, steps


async def test_what_the_work_returns_is_given() -> None:
    assert await in_thread(lambda stop: list(steps("abc", "writing", 3, stop))) == ["a", "b", "c"]


async def test_cancelled_work_stops_at_its_next_step() -> None:
    has_begun, has_ended = Event(), Event()

    def endless(stop: Event) -> None:
        try:
            for _ in steps(count(), "writing", None, stop):
                has_begun.set()
        finally:
            has_ended.set()

    waiting = asyncio.create_task(in_thread(endless))
    assert await asyncio.to_thread(has_begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(has_ended.wait, 30)
