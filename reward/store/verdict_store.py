"""The table of verdicts as a running server uses it: whatever happens to it, judging goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from judge.verdicts import Verdict
from reward.store.attempt import Attempt
from reward.store.database import open_database
from reward.store.lookups import Lookups
from reward.store.settings import StoreSettings
from reward.store.writer import Served, Writer

_CLOSE_S = 10.0


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """What a process did with its store so far.

    ``hits`` and ``misses`` count lookups. ``written`` judgements are in the table, ``lost`` ones
    will never be; ``failures`` are queries and commits that failed.
    """

    hits: int
    misses: int
    written: int
    lost: int
    failures: int


class VerdictStore:
    """Judgements in SQLite or PostgreSQL, shared by any number of processes.

        async with VerdictStore("verdicts.db") as store:
            verdict = await store.find(question.key)
            store.add(Attempt(question, outcome))

    A store that fails after it was opened is logged and counted, and raises nothing: lookups find
    nothing, and judgements wait in memory, as many as the settings say. To be used from one event
    loop.

    Args:
        location: as :func:`~reward.store.database.open_database` takes it.
        settings: what is kept, and how long it may take.

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, location: str | Path, settings: StoreSettings | None = None) -> None:
        settings = settings or StoreSettings()
        self._engine = open_database(location)
        self._writer = Writer(self._engine, settings)
        self._lookups = Lookups(self._engine, settings)
        self._hits = self._misses = 0

    @property
    def counts(self) -> StoreCounts:
        return StoreCounts(
            hits=self._hits,
            misses=self._misses,
            written=self._writer.written,
            lost=self._writer.lost,
            failures=self._writer.failures + self._lookups.failures,
        )

    async def find(self, key: str) -> Verdict | None:
        """The latest verdict on the question of that key; never an outcome that is none."""
        verdict = self._writer.unwritten(key) or await self._lookups.find(key)
        if verdict is None:
            self._misses += 1
        else:
            self._hits += 1
        return verdict

    def add(self, attempt: Attempt) -> None:
        """Has a judgement written; returns at once."""
        self._writer.put(attempt)

    def count_served(self, key: str) -> None:
        """Has it written that the verdict on that question was served again."""
        self._writer.put(Served(key))

    async def flush(self) -> None:
        """Waits until all that was added is written or lost."""
        await asyncio.to_thread(self._writer.flush)

    async def close(self) -> None:
        """Writes what is left, ten seconds long at most. Idempotent."""
        await asyncio.to_thread(self._writer.close, _CLOSE_S)
        self._lookups.close()
        self._engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
