"""Which judgements are kept: by age, and by what they take in all."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from time import time

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, or_, select

from reward.store.table import verdicts

_CHUNK = 1000
"""Rows of one transaction: other writers get their turn in between."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: judgements of the last ``max_age_s`` seconds, and of these the newest that take
    ``max_bytes`` at most. None sets no bound.

    Raises:
        ValueError: a bound below zero.
    """

    max_age_s: float | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_age_s", "max_bytes"):
            bound = getattr(self, name)
            if bound is not None and bound < 0:
                raise ValueError(f"{name} is at least 0, got {bound}")

    @property
    def is_bounded(self) -> bool:
        return self.max_age_s is not None or self.max_bytes is not None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows that went, or would go, and about how many bytes they took."""

    rows: int
    bytes: int


def prune(engine: Engine, retention: Retention, *, dry_run: bool = False) -> Pruned:
    """Deletes what is not kept, oldest first; safe beside servers that use the store.

    SQLite's file becomes smaller; PostgreSQL uses the room again.

    Args:
        engine: the opened database.
        retention: what is kept.
        dry_run: only tell what would go.
    """
    with engine.begin() as connection:
        too_old = _too_old(connection, retention)
        sums = select(func.count(), func.coalesce(func.sum(verdicts.c.size), 0)).where(too_old)
        rows, size = connection.execute(sums).one()
    pruned = Pruned(rows, int(size))
    if pruned.rows and not dry_run:
        while _delete_chunk(engine, too_old):
            pass
        if engine.dialect.name == "sqlite":
            _shrink(engine)
    return pruned


def _shrink(engine: Engine) -> None:
    """Gives free pages of an SQLite file back to the disk."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        # Its execute() would take one step of the statement, which frees one page.
        driver.executescript("PRAGMA incremental_vacuum")


def _too_old(connection: Connection, retention: Retention) -> ColumnElement[bool]:
    """The condition of the rows that are not kept."""
    before = 0.0 if retention.max_age_s is None else time() - retention.max_age_s
    by_age = verdicts.c.created_at < before
    if retention.max_bytes is None:
        return by_age
    held = connection.scalar(select(func.coalesce(func.sum(verdicts.c.size), 0)).where(~by_age))
    excess = int(held or 0) - retention.max_bytes
    return or_(by_age, verdicts.c.id <= _last_of_oldest(connection, by_age, excess))


def _last_of_oldest(connection: Connection, by_age: ColumnElement[bool], size: int) -> int:
    """The id up to which rows, those that go by age aside, take ``size`` bytes or more."""
    last = 0
    oldest = select(verdicts.c.id, verdicts.c.size).where(~by_age).order_by(verdicts.c.id)
    with connection.execution_options(yield_per=_CHUNK).execute(oldest) as rows:
        for id_, taken in rows:
            if size <= 0:
                break
            last, size = id_, size - taken
    return last


def _delete_chunk(engine: Engine, too_old: ColumnElement[bool]) -> int:
    chunk = select(verdicts.c.id).where(too_old).limit(_CHUNK)
    with engine.begin() as connection:
        return connection.execute(delete(verdicts).where(verdicts.c.id.in_(chunk))).rowcount
