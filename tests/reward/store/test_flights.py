from __future__ import annotations

import asyncio

import pytest

from reward.store.flights import Flights


class Work:
    """Waits until it is let go, then gives the number of times it was begun."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def started(*tasks: asyncio.Task[tuple[int, bool]]) -> None:
    for _ in range(3 * len(tasks)):
        await asyncio.sleep(0)


async def test_those_who_come_meanwhile_get_the_same_result() -> None:
    flights, work = Flights[int](), Work()
    tasks = [asyncio.create_task(flights.run("a", work)) for _ in range(3)]
    await started(*tasks)
    work.go.set()
    assert await asyncio.gather(*tasks) == [(1, False), (1, True), (1, True)]
    assert await flights.run("a", work) == (2, False)


async def test_other_keys_are_other_work() -> None:
    flights, work = Flights[int](), Work()
    work.go.set()
    assert await asyncio.gather(flights.run("a", work), flights.run("b", work)) == [
        (1, False),
        (2, False),
    ]


async def test_who_came_first_may_leave() -> None:
    flights, work = Flights[int](), Work()
    first, second = (asyncio.create_task(flights.run("a", work)) for _ in range(2))
    await started(first, second)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go.set()
    assert await second == (1, True)
    assert work.cancelled == 0


async def test_with_the_last_one_the_work_ends() -> None:
    flights, work = Flights[int](), Work()
    tasks = [asyncio.create_task(flights.run("a", work)) for _ in range(2)]
    await started(*tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.cancelled == 1
    late = asyncio.create_task(flights.run("a", work))
    await started(late)
    work.go.set()
    assert await late == (2, False)


async def test_an_error_is_everybodys() -> None:
    flights = Flights[int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("broken")

    results = await asyncio.gather(
        *(flights.run("a", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(each) for each in results] == ["broken"] * 3
