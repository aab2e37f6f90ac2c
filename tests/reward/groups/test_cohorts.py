"""Cohorts: put together from parts, judged once, and nobody waits for a hung rank longer than said.

Items are numbers here; the work answers each with its square.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reward.groups.cohorts import (
    CohortError,
    Cohorts,
    CohortsFullError,
    CohortTerms,
    Joined,
    Missing,
    Part,
)

TERMS = CohortTerms(size=4, wait_s=30.0, on_missing="judge", same="q")
SHORT = replace(TERMS, wait_s=0.1)


class Work:
    """Squares; ``calls`` holds what it was asked at once, ``gate`` holds it back."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[list[int]] = []
        self.deadlines: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self.error = error

    async def __call__(self, items: list[int], deadline: float) -> list[int]:
        self.calls.append(items)
        self.deadlines.append(deadline)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return [item * item for item in items]


def part(name: str, *items: int, cohort: str = "g", terms: CohortTerms = TERMS) -> Part[int]:
    return Part(cohort, name, items, key=repr(items), terms=terms)


async def running(join: object) -> asyncio.Task[object]:
    """The join under way, waiting for the others."""
    task = asyncio.ensure_future(join)  # type: ignore[arg-type]  # a coroutine
    await asyncio.sleep(0.01)
    return task  # type: ignore[return-value]


@pytest.fixture
def cohorts() -> Cohorts[int, int]:
    return Cohorts()


@pytest.fixture
async def work() -> Work:
    return Work()


async def test_parts_are_judged_once_and_each_gets_its_own(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    answers = await asyncio.gather(
        cohorts.join(part("1", 3), work, 5.0),
        cohorts.join(part("0", 1, 2), work, 7.0),
        cohorts.join(part("2", 4), work, 6.0),
    )
    assert answers == [Joined([9], 4), Joined([1, 4], 4), Joined([16], 4)]
    assert work.calls == [[1, 2, 3, 4]]
    assert work.deadlines == [7.0]


async def test_a_missing_rank_costs_the_others_a_bounded_wait(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            cohorts.join(part("0", 1, 2, terms=SHORT), work, 0.0),
            cohorts.join(part("1", 3, terms=SHORT), work, 0.0),
        )
    assert answers == [Joined([1, 4], 3), Joined([9], 3)]
    assert work.calls == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("items", "on_missing"), [((1,), "judge"), ((1, 2, 3), "unjudged")], ids=str
)
async def test_too_few_are_not_judged(
    items: tuple[int, ...], on_missing: str, cohorts: Cohorts[int, int], work: Work
) -> None:
    terms = replace(SHORT, on_missing=on_missing)  # type: ignore[arg-type]  # one of the two
    answer = await cohorts.join(part("0", *items, terms=terms), work, 0.0)
    assert answer == Missing(len(items), 4)
    assert work.calls == []


async def test_a_late_part_is_told_so_and_changes_nothing(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    assert await cohorts.join(part("0", 1, 2, terms=SHORT), work, 0.0) == Joined([1, 4], 2)
    assert await cohorts.join(part("1", 3, 4, terms=SHORT), work, 0.0) == Missing(2, 4, late=True)
    assert work.calls == [[1, 2]]


async def test_a_part_that_asks_again_gets_the_same_answers(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    joins = [cohorts.join(part(name, 1, 2), work, 0.0) for name in ("0", "1")]
    first = await asyncio.gather(*joins)
    assert await cohorts.join(part("1", 1, 2), work, 0.0) == first[1]
    assert len(work.calls) == 1


async def test_a_part_whose_connection_broke_may_come_again(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    other = await running(cohorts.join(part("1", 3), work, 0.0))
    broken = await running(cohorts.join(part("0", 1, 2), work, 0.0))
    broken.cancel()
    again = await running(cohorts.join(part("0", 1, 2), work, 0.0))
    last = await cohorts.join(part("2", 4), work, 0.0)
    assert [await other, await again, last] == [
        Joined([9], 4),
        Joined([1, 4], 4),
        Joined([16], 4),
    ]
    assert work.calls == [[1, 2, 3, 4]]


async def test_when_nobody_waits_any_more_the_work_is_cancelled_and_all_may_come_again(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    work.gate.clear()
    joins = [await running(cohorts.join(part(name, 1, 2), work, 0.0)) for name in ("0", "1")]
    assert len(work.calls) == 1
    joins[0].cancel()
    await asyncio.sleep(0.01)
    assert work.cancelled == 0
    joins[1].cancel()
    work.gate.set()
    again = [cohorts.join(part(name, 1, 2), work, 0.0) for name in ("0", "1")]
    assert await asyncio.gather(*again) == [Joined([1, 4], 4)] * 2
    assert work.cancelled == 1


async def test_an_error_of_the_work_reaches_every_part_which_may_come_again(
    cohorts: Cohorts[int, int],
) -> None:
    failing = Work(RuntimeError("not ready"))
    joins = [cohorts.join(part(name, 1, 2), failing, 0.0) for name in ("0", "1")]
    errors = await asyncio.gather(*joins, return_exceptions=True)
    assert [str(error) for error in errors] == ["not ready", "not ready"]
    await asyncio.sleep(0)
    assert len(cohorts) == 0


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (part("1", 3, 4, 5), "brought 3 samples to 2 others, and the group is one of 4"),
        (part("0", 1, 3), "came before with other samples"),
        (part("1", 3, terms=replace(TERMS, size=5)), "differs from the first one"),
        (part("1", 3, terms=replace(TERMS, same="other question")), "differs from the first one"),
    ],
)
async def test_a_part_that_does_not_fit_is_refused_alone(
    second: Part[int], message: str, cohorts: Cohorts[int, int], work: Work
) -> None:
    first = await running(cohorts.join(part("0", 1, 2), work, 0.0))
    with pytest.raises(CohortError, match=message):
        await cohorts.join(second, work, 0.0)
    await cohorts.join(part("2", 8, 9), work, 0.0)
    assert await first == Joined([1, 4], 4)


async def test_a_first_part_that_does_not_fit_leaves_no_cohort(
    cohorts: Cohorts[int, int], work: Work
) -> None:
    with pytest.raises(CohortError, match="the group is one of 4"):
        await cohorts.join(part("0", 1, 2, 3, 4, 5), work, 0.0)
    assert len(cohorts) == 0


async def test_groups_do_not_wait_for_each_other(cohorts: Cohorts[int, int], work: Work) -> None:
    hung = await running(cohorts.join(part("0", 1), work, 0.0))
    whole = part("0", 1, 2, 3, 4, cohort="other")
    assert await cohorts.join(whole, work, 0.0) == Joined([1, 4, 9, 16], 4)
    assert not hung.done()
    hung.cancel()


async def test_answers_are_kept_for_a_while_only(work: Work) -> None:
    cohorts = Cohorts[int, int](keep_s=0.05)
    await cohorts.join(part("0", 1, 2, 3, 4), work, 0.0)
    assert len(cohorts) == 1
    await asyncio.sleep(0.3)
    assert len(cohorts) == 0


async def test_the_number_of_cohorts_is_bounded(work: Work) -> None:
    cohorts = Cohorts[int, int](most=2)
    for name in ("a", "b", "c"):  # those that are answered make room
        await cohorts.join(part("0", 1, 2, 3, 4, cohort=name), work, 0.0)
    assert len(cohorts) == 2
    waiting = [
        await running(cohorts.join(part("0", 1, cohort=name), work, 0.0)) for name in ("d", "e")
    ]
    with pytest.raises(CohortsFullError, match="2 groups wait"):
        await cohorts.join(part("0", 1, cohort="f"), work, 0.0)
    for task in waiting:
        task.cancel()
