"""Rows go through a worker into shards, in order; a killed run goes on where one lacks."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count, islice
from typing import Protocol, Self

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.streaming import in_order
from reward.offline.shards import Shards, ShardWriter
from reward.offline.sources import Rows, SourceRow


@dataclass(frozen=True, slots=True)
class Worked:
    """The line of a row, and what it took: ``asked`` questions, of which ``cached`` were answered
    before and ``unjudged`` stayed without a verdict.
    """

    line: str
    asked: int = 0
    cached: int = 0
    unjudged: int = 0


class Worker(Protocol):
    """Turns rows into lines; opened before the first of them and closed behind the last."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def work(self, row: SourceRow) -> Worked:
        """The line of a row.

        Raises:
            EngineDeadError: no row can be worked on any more.
        """
        ...

    async def commit(self) -> None:
        """Makes sure that what the lines so far rest on is kept.

        Raises:
            StoreError: it cannot be.
        """
        ...


class WorkerFactory(Protocol):
    """Makes workers; can be sent to another process."""

    def __call__(self) -> Worker: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass over a table; can be sent to another process.

    ``name`` stands before the progress bar; ``concurrency`` rows are worked on at once.
    """

    name: str
    source: Rows
    shards: Shards
    make_worker: WorkerFactory
    concurrency: int


@dataclass(slots=True)
class Progress:
    """The sums of what was worked on in this run."""

    rows: int = 0
    asked: int = 0
    cached: int = 0
    unjudged: int = 0

    def add(self, worked: Worked) -> None:
        self.rows += 1
        self.asked += worked.asked
        self.cached += worked.cached
        self.unjudged += worked.unjudged

    def merge(self, other: Progress) -> None:
        self.rows += other.rows
        self.asked += other.asked
        self.cached += other.cached
        self.unjudged += other.unjudged

    def words(self) -> str:
        """For a progress bar."""
        asked = max(1, self.asked)
        return f"unjudged {self.unjudged / asked:.1%}, cached {self.cached / asked:.1%}"


async def run_stage(stage: Stage, redo: Collection[int] = ()) -> Progress:
    """Makes the shards that lack, in this process.

    Args:
        stage: what is to be done.
        redo: numbers of rows whose lines are there and are to be made again; the other lines of
            their shards are kept as they are.

    Raises:
        RequestError: no such table, or ``concurrency`` below 1.
        EngineDeadError, StoreError: as the worker; what is finished stays.
    """
    if stage.concurrency < 1:
        raise RequestError(f"concurrency has to be at least 1, got {stage.concurrency}")
    progress, total = Progress(), stage.source.count()
    todo = Todo.of(stage, redo)
    if total is not None and len(todo.done) == math.ceil(total / stage.shards.rows):
        return progress
    kept = min(len(todo.done) * stage.shards.rows, total or sys.maxsize)
    with tqdm(total=total, initial=kept, desc=stage.name, unit="row", smoothing=0.05) as bar:
        async with stage.make_worker() as worker, aclosing(work_on(stage, worker, todo)) as rows:
            async for worked in rows:
                progress.add(worked)
                bar.set_postfix_str(progress.words(), refresh=False)
                bar.update()
    return progress


@dataclass(frozen=True, slots=True)
class Todo:
    """Which shards are to be made: those of numbers ``first`` up to ``end`` (None: the last), those
    ``done`` aside; and in them, the rows of which a line is there, ``redo`` aside, keep it.
    """

    done: frozenset[int]
    redo: frozenset[int] = frozenset()
    first: int = 0
    end: int | None = None

    @classmethod
    def of(cls, stage: Stage, redo: Collection[int] = ()) -> Todo:
        """All that lacks, and the shards of ``redo``."""
        rows = frozenset(redo)
        done = stage.shards.done() - {row // stage.shards.rows for row in rows}
        return cls(done, rows, first=next(each for each in count() if each not in done))

    def rows(self, stage: Stage) -> Iterator[SourceRow]:
        """The rows of these shards."""
        size = stage.shards.rows
        for row in stage.source.rows(self.first * size):
            if self.end is not None and row.number >= self.end * size:
                break
            if row.number // size not in self.done:
                yield row


async def work_on(stage: Stage, worker: Worker, todo: Todo) -> AsyncGenerator[Worked, None]:
    """Makes shards by an opened worker; gives what was worked on, row by row.

    Raises:
        RequestError, EngineDeadError, StoreError: as :func:`run_stage`.
    """
    writer, earlier = ShardWriter(stage.shards), _EarlierLines(stage.shards, todo.redo)

    async def one(row: SourceRow) -> tuple[int, Worked]:
        line = earlier.of(row.number)
        return row.number, Worked(line) if line is not None else await worker.work(row)

    try:
        async with aclosing(in_order(todo.rows(stage), one, stage.concurrency)) as lines:
            async for number, worked in lines:
                if writer.ends_before(number):
                    await worker.commit()
                    writer.finish()
                writer.write(number, worked.line)
                yield worked
        await worker.commit()
        writer.finish()
    finally:
        writer.close()


class _EarlierLines:
    """Lines of an earlier run, in shards some of whose rows are to be done again."""

    def __init__(self, shards: Shards, redo: frozenset[int]) -> None:
        self._shards, self._redo = shards, redo
        self._of_redo = {row // shards.rows for row in redo}
        self._number, self._lines = -1, list[str]()

    def of(self, row: int) -> str | None:
        """The line to be kept; None where the row is to be worked on."""
        number, place = divmod(row, self._shards.rows)
        if number not in self._of_redo or row in self._redo:
            return None
        if number != self._number:
            lines = self._shards.lines(number * self._shards.rows)
            self._number = number
            self._lines = [line.rstrip("\n") for line in islice(lines, self._shards.rows)]
        return self._lines[place] if place < len(self._lines) else None
