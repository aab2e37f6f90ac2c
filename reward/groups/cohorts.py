"""Groups put together from parts that come apart: each rank of a training run brings its own.

A rank that is late or hangs costs the others a bounded wait, and never their rewards.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Work = Callable[[list[Item], float], Awaitable[list[Answer]]]
"""From all items of a cohort, and a deadline on the event loop's clock, to one answer an item."""

KEEP_S = 600.0
MAX_COHORTS = 4096


class CohortError(Exception):
    """A part that does not fit the cohort that it names."""


class CohortsFullError(Exception):
    """Too many cohorts wait for their parts."""


@dataclass(frozen=True, slots=True)
class CohortTerms:
    """What all parts of a cohort agree on.

    Args:
        size: items of all parts together, at least 1.
        wait_s: how long the first part waits for the others, in seconds.
        on_missing: what becomes of a cohort of which parts are missing then: the items that are
            there are judged as a smaller one if they are two or more, or stay unjudged.
        same: whatever else has to be equal.
    """

    size: int
    wait_s: float
    on_missing: Literal["judge", "unjudged"]
    same: Hashable = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Instead of answers: so many items were ``present`` when the cohort was closed, which is too
    few of ``size``, or the part was not among them (``late``).
    """

    present: int
    size: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Joined(Generic[Answer]):
    """The answers to a part's items, in order, from a cohort in which so many were ``present``."""

    answers: list[Answer]
    present: int


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """What one rank brings to a cohort.

    Args:
        cohort: name of the group; another group has another, as long as answers are kept.
        name: tells the cohort's parts apart, e.g. by their rank.
        items: at least one.
        key: tells whether a part that comes again brings the same items.
        terms: as all other parts have them.
    """

    cohort: str
    name: str
    items: tuple[Item, ...]
    key: str
    terms: CohortTerms


@dataclass(slots=True)
class _Cohort(Generic[Item, Answer]):
    """A cohort on its way. ``keys`` are those of the parts that came, ``items`` their items until
    these are judged, ``present`` how many these are.
    """

    terms: CohortTerms
    keys: dict[str, str] = field(default_factory=dict)
    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    present: int = 0
    deadline: float = 0.0
    waiters: int = 0
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False
    answers: asyncio.Task[dict[str, list[Answer]] | Missing] | None = None


class Cohorts(Generic[Item, Answer]):
    """The cohorts of one process.

    A cohort is opened by its first part and closed when it is whole, or ``wait_s`` later. Then its
    items are judged once, and every part is given the answers to its own. They are kept for a
    while, so that a part that asks again, as its connection broke, gets the same answers.

    Args:
        keep_s: how long answers are kept, in seconds.
        most: cohorts held at once, those whose answers are kept included.
    """

    def __init__(self, *, keep_s: float = KEEP_S, most: int = MAX_COHORTS) -> None:
        self._keep_s = keep_s
        self._most = most
        self._cohorts: OrderedDict[str, _Cohort[Item, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cohorts)

    async def join(
        self, part: Part[Item], work: Work[Item, Answer], deadline: float
    ) -> Joined[Answer] | Missing:
        """The answers to a part's items.

        Cancelling this leaves the items in the cohort, as the part may ask again. Once nobody waits
        for a cohort any more, its work is cancelled, and it is forgotten.

        Args:
            part: what is brought.
            work: judges the items of a cohort; the one of its first part is asked.
            deadline: on the event loop's clock; the cohort's work has until the latest of all.

        Raises:
            CohortError: the part does not fit the cohort, or brought something else before.
            CohortsFullError: there is no room for one more cohort.
            Exception: what the work raised; the cohort is forgotten, and all parts may come again.
        """
        cohort = self._cohorts.get(part.cohort)
        if cohort is None:
            self._make_room()
            cohort = _Cohort[Item, Answer](part.terms)
        if cohort.is_closed and part.name not in cohort.keys:
            return Missing(cohort.present, cohort.terms.size, late=True)
        _enter(cohort, part)
        self._cohorts[part.cohort] = cohort
        cohort.deadline = max(cohort.deadline, deadline)
        if cohort.answers is None:
            cohort.answers = asyncio.create_task(_answers(cohort, work))
            cohort.answers.add_done_callback(partial(self._settle, part.cohort, cohort))
        cohort.waiters += 1
        try:
            answers = await asyncio.shield(cohort.answers)
        finally:
            cohort.waiters -= 1
            if not cohort.waiters and not cohort.answers.done():
                self._forget(part.cohort, cohort)
                cohort.answers.cancel()
        if isinstance(answers, Missing):
            return answers
        return Joined(answers[part.name], cohort.present)

    def _make_room(self) -> None:
        while len(self._cohorts) >= self._most:
            settled = (name for name, each in self._cohorts.items() if _is_settled(each))
            oldest = next(settled, None)
            if oldest is None:
                raise CohortsFullError(f"{self._most} groups wait for their parts")
            del self._cohorts[oldest]

    def _settle(
        self,
        name: str,
        cohort: _Cohort[Item, Answer],
        answers: asyncio.Task[dict[str, list[Answer]] | Missing],
    ) -> None:
        if answers.cancelled() or answers.exception() is not None:
            self._forget(name, cohort)
        else:
            asyncio.get_running_loop().call_later(self._keep_s, self._forget, name, cohort)

    def _forget(self, name: str, cohort: _Cohort[Item, Answer]) -> None:
        if self._cohorts.get(name) is cohort:
            del self._cohorts[name]


async def _answers(
    cohort: _Cohort[Item, Answer], work: Work[Item, Answer]
) -> dict[str, list[Answer]] | Missing:
    """Waits for the parts, and has them judged."""
    terms = cohort.terms
    with suppress(TimeoutError):
        async with asyncio.timeout(terms.wait_s):
            await cohort.whole.wait()
    cohort.is_closed = True
    parts = sorted(cohort.items.items())
    cohort.items = {}
    if cohort.present < terms.size and (cohort.present < 2 or terms.on_missing == "unjudged"):
        return Missing(cohort.present, terms.size)
    answers = await work([item for _, items in parts for item in items], cohort.deadline)
    rest = iter(answers)
    return {name: [next(rest) for _ in items] for name, items in parts}


def _is_settled(cohort: _Cohort[Item, Answer]) -> bool:
    return cohort.answers is not None and cohort.answers.done()


def _enter(cohort: _Cohort[Item, Answer], part: Part[Item]) -> None:
    """Adds a part to an open cohort; nothing changes for one that came before."""
    which = f"part {part.name[:80]!r} of group {part.cohort[:80]!r}"
    if cohort.terms != part.terms:
        raise CohortError(
            f"{which} differs from the first one in question, size, wait or scoring: these have to "
            "be the same in all parts, and every group of every step needs a name of its own"
        )
    if part.name in cohort.keys:
        if cohort.keys[part.name] != part.key:
            raise CohortError(
                f"{which} came before with other samples: every group of every step needs a name "
                "of its own, and every rank one as a part"
            )
        return
    if cohort.present + len(part.items) > part.terms.size:
        raise CohortError(
            f"{which} brought {len(part.items)} samples to {cohort.present} others, and the group "
            f"is one of {part.terms.size}"
        )
    cohort.keys[part.name] = part.key
    cohort.items[part.name] = part.items
    cohort.present += len(part.items)
    if cohort.present == part.terms.size:
        cohort.whole.set()
