"""Work that several callers want at once is done once (single flight)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    callers: int = 0


class Flights(Generic[T]):
    """Work under way, by its key. It belongs to no caller: it ends when the last one leaves."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """The work's result, and whether it was under way already.

        What it raises is raised to every caller. A cancelled caller leaves the work to the others;
        with the last caller it is cancelled.
        """
        flight = self._flights.get(key)
        has_joined = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(work()))
        flight.callers += 1
        try:
            return await asyncio.shield(flight.task), has_joined
        finally:
            flight.callers -= 1
            if not flight.callers:
                del self._flights[key]  # one who comes now is not to join work being cancelled
                if not flight.task.done():
                    flight.task.cancel()
                    await asyncio.gather(flight.task, return_exceptions=True)
