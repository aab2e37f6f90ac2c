"""The queue of samples: how many are judged at once, how many may wait, when to come again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import TypeVar

from reward.server.errors import QueueFullError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_WINDOW_S = 60.0
"""Throughput is that of the last minute,"""
_REMEMBERED = 1024
"""or of the last 1024 samples, whichever is less."""
_UNKNOWN_S = 2
"""What a client is told to wait while there is no throughput to tell by."""
_LONGEST_S = 60


class SampleQueue:
    """Samples of all requests, first come, first served.

    ``at_once`` of them are worked on; up to ``most_waiting`` others wait. A request is taken as a
    whole or not at all; one that finds nobody waiting is always taken, however large it is.

    ``in_flight`` counts samples that are worked on, ``waiting`` the others.
    """

    def __init__(self, *, at_once: int, most_waiting: int) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._pending = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._finished: deque[float] = deque(maxlen=_REMEMBERED)
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        return self._pending - self.in_flight

    def check(self, count: int) -> None:
        """Whether so many samples would be taken now.

        Raises:
            QueueFullError: they would not; it says when to come again.
        """
        over = self.waiting + count - self._most_waiting
        if self.waiting and over > 0:
            raise QueueFullError(self.waiting, self._most_waiting, self.seconds_for(over))

    def start(
        self, items: Sequence[Item], work: Callable[[Item, float], Awaitable[Answer]]
    ) -> list[asyncio.Task[Answer]]:
        """A task for each item, which does its work when it is its turn.

        Args:
            items: the samples of one request.
            work: is given the item and how long it has waited, in seconds.

        Raises:
            QueueFullError: there is no room, and nothing was begun.
        """
        self.check(len(items))
        tasks = [asyncio.create_task(self._in_turn(item, work)) for item in items]
        self._pending += len(tasks)
        self._empty.clear()
        for task in tasks:
            task.add_done_callback(self._leave)  # comes even if the task is cancelled unbegun
        return tasks

    def seconds_for(self, count: int) -> int:
        """How long so many samples will take, by recent throughput: whole seconds, 1 to 60."""
        now = asyncio.get_running_loop().time()
        while self._finished and self._finished[0] < now - _WINDOW_S:
            self._finished.popleft()
        if not self._finished:
            return _UNKNOWN_S
        rate = len(self._finished) / max(now - self._finished[0], 1.0)
        return max(1, min(_LONGEST_S, ceil(count / rate)))

    async def drained(self) -> None:
        """Returns once nothing waits or is worked on."""
        await self._empty.wait()

    @property
    def pending(self) -> int:
        """Samples that wait or are worked on."""
        return self._pending

    async def _in_turn(
        self, item: Item, work: Callable[[Item, float], Awaitable[Answer]]
    ) -> Answer:
        loop = asyncio.get_running_loop()
        came = loop.time()
        async with self._slots:
            self.in_flight += 1
            try:
                answer = await work(item, loop.time() - came)
            finally:
                self.in_flight -= 1
            self._finished.append(loop.time())
            return answer

    def _leave(self, task: asyncio.Task[Answer]) -> None:
        self._pending -= 1
        if not self._pending:
            self._empty.set()
