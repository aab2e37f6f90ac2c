"""What the tests ask, and how they see what a server does."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.faults.servers import ServerProcess


def samples(count: int, name: str = "s", text: str = "score=7") -> list[dict[str, Any]]:
    """So many, each with an id of its own that the journal of the judged shows."""
    return [
        {"prompt": "Rate this.", "completion": f"{text} #{name}-{number}"}
        for number in range(count)
    ]


async def under_way(server: ServerProcess, count: int) -> None:
    """Waits until so many samples are in the judge."""
    await gauge(server, "flexreward_in_flight_samples", count)


async def gauge(server: ServerProcess, name: str, value: float) -> None:
    """Waits until a metric has that value; long, as the machine may be busy."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(server.metric, name) != value:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def at_least(server: ServerProcess, name: str, value: float) -> None:
    """Waits until a counter has come so far."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(server.metric, name) < value:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
