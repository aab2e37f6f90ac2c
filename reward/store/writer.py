"""The thread that writes a store: whatever has come since the last commit goes with the next."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from judge.verdicts import Verdict
from reward.store.attempt import Attempt
from reward.store.retention import prune
from reward.store.settings import StoreSettings
from reward.store.table import verdicts

logger = logging.getLogger(__name__)

_BATCH = 256
_MAY_PASS = (OperationalError, InterfaceError)
"""Disk full, locked for long, server gone: worth another try."""


@dataclass(frozen=True, slots=True)
class Served:
    """A verdict was served again, by the key of its question."""

    key: str


class Writer:
    """Writes in the background. :meth:`put` waits for no database and raises nothing.

    ``written`` counts judgements that are in the table, ``lost`` those that never will be, and
    ``failures`` the tries to write or to prune that failed.
    """

    def __init__(self, engine: Engine, settings: StoreSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._waiting: deque[Attempt | Served] = deque()
        self._unwritten: dict[str, Verdict] = {}
        self._is_busy = self._is_closing = False
        self._flushing = 0
        self._changed = threading.Condition()
        self._next_prune = monotonic()
        self.written = self.lost = self.failures = 0
        self._thread = threading.Thread(target=self._run, name="verdict-store", daemon=True)
        self._thread.start()

    def put(self, item: Attempt | Served) -> None:
        with self._changed:
            if self._is_closing or len(self._waiting) >= self._settings.max_waiting:
                self.lost += isinstance(item, Attempt)
                return
            self._waiting.append(item)
            if isinstance(item, Attempt) and isinstance(item.outcome, Verdict):
                self._unwritten[item.question.key] = item.outcome
            if len(self._waiting) in {1, _BATCH}:  # no other makes the thread do anything
                self._changed.notify_all()

    def unwritten(self, key: str) -> Verdict | None:
        """The verdict of that key if it is on its way into the table."""
        return self._unwritten.get(key)

    def flush(self) -> None:
        """Waits until all that was put before is written or lost."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._is_busy)
            self._flushing -= 1

    def close(self, timeout_s: float) -> None:
        """Writes what is left; what is not written at the first try, or within the time, is lost.
        Idempotent.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.error("the verdict store did not close within %g s", timeout_s)

    def _run(self) -> None:
        while batch := self._take():
            self._write(batch)
            with self._changed:
                for item in batch:
                    if isinstance(item, Attempt):
                        self._unwritten.pop(item.question.key, None)
                self._is_busy = False
                self._changed.notify_all()

    def _take(self) -> list[Attempt | Served]:
        """The next items, waited for; none at the end. Prunes when it is time to."""
        while True:
            self._prune_when_due()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._waiting or self._is_closing, self._until_prune()
                )
                if self._waiting or self._is_closing:
                    self._changed.wait_for(self._is_gathered, self._settings.gather_s)
                    count = min(_BATCH, len(self._waiting))
                    self._is_busy = count > 0
                    return [self._waiting.popleft() for _ in range(count)]

    def _is_gathered(self) -> bool:
        """Whether the next items are to be written without waiting for more."""
        return len(self._waiting) >= _BATCH or self._is_closing or self._flushing > 0

    def _write(self, batch: Sequence[Attempt | Served]) -> None:
        attempts = [item for item in batch if isinstance(item, Attempt)]
        served = Counter(item.key for item in batch if isinstance(item, Served))
        while True:
            try:
                with self._engine.begin() as connection:
                    _insert(connection, attempts)
                    _count_served(connection, served)
            except _MAY_PASS as error:
                self.failures += 1
                logger.warning("the verdict store cannot be written: %s", error.orig)
                if self._is_closed_within(self._settings.retry_s):
                    break
            except Exception:
                self.failures += 1
                logger.exception("judgements that the verdict store does not take")
                break
            else:
                self.written += len(attempts)
                return
        self.lost += len(attempts)
        logger.error("%d judgements are not in the verdict store", len(attempts))

    def _is_closed_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing, seconds)

    def _until_prune(self) -> float | None:
        if not self._settings.retention.is_bounded:
            return None
        return max(0.0, self._next_prune - monotonic())

    def _prune_when_due(self) -> None:
        if self._until_prune() != 0:
            return
        self._next_prune = monotonic() + self._settings.prune_every_s
        try:
            pruned = prune(self._engine, self._settings.retention)
        except Exception:
            self.failures += 1
            logger.exception("the verdict store could not be pruned")
        else:
            logger.info("pruned %d judgements of %d bytes", pruned.rows, pruned.bytes)


def _insert(connection: Connection, attempts: Sequence[Attempt]) -> None:
    if attempts:
        connection.execute(insert(verdicts), [attempt.row() for attempt in attempts])


def _count_served(connection: Connection, served: Counter[str]) -> None:
    """Counts at the row that a key is served from; sorted, so that no two writers deadlock."""
    if not served:
        return
    latest = (
        select(func.max(verdicts.c.id))
        .where(verdicts.c.key == bindparam("served_key"), verdicts.c.reason.is_(None))
        .scalar_subquery()
    )
    connection.execute(
        update(verdicts)
        .where(verdicts.c.id == latest)
        .values(served=verdicts.c.served + bindparam("times")),
        [{"served_key": key, "times": times} for key, times in sorted(served.items())],
    )
