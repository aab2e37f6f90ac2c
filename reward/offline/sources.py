"""Rows of a table by their number, with the candidates that were sampled for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from judge.errors import RequestError
from judge.tables import open_table
from judge.verdicts import Reason, Unjudged
from reward.offline.shards import Shards

CANDIDATE_COLUMNS = (
    "completion",
    "completions",
    "chosen",
    "rejected",
    "molecule",
    "molecules",
    "candidate_images",
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row by its number (from 0). ``problem`` says why it cannot be judged."""

    number: int
    columns: dict[str, Any]
    problem: Unjudged | None = None


class Rows(Protocol):
    """Where rows come from; can be sent to another process."""

    def count(self) -> int | None:
        """Rows in all; None where only reading them would tell.

        Raises:
            RequestError: there is no such table.
        """
        ...

    def rows(self, start: int = 0) -> Iterator[SourceRow]:
        """The rows from that one on.

        Raises:
            RequestError: they cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a table.

    Args:
        table: as :func:`judge.tables.open_table` takes it.
        limit: only so many rows.
        samples: lines of :mod:`reward.offline.sampling`, one a row, whose texts take the place of
            the rows' own candidates.
    """

    table: str
    limit: int | None = None
    samples: Shards | None = None

    def count(self) -> int | None:
        """Rows in all; None where only reading them would tell.

        Raises:
            RequestError: no such table.
        """
        found = open_table(self.table).count()
        return found if found is None or self.limit is None else min(found, self.limit)

    def rows(self, start: int = 0) -> Iterator[SourceRow]:
        """The rows from that one on.

        Raises:
            RequestError: no such table, or fewer lines of samples than rows.
        """
        stop = None if self.limit is None else max(0, self.limit - start)
        rows = islice(open_table(self.table).rows(start), stop)
        lines = self.samples.lines(start) if self.samples else None
        for number, row in enumerate(rows, start):
            problem = Unjudged(Reason.BAD_REQUEST, row.problem) if row.problem else None
            if lines is None or problem is not None:
                if lines is not None:
                    next(lines, None)
                yield SourceRow(number, row.columns, problem)
            else:
                yield _with_samples(number, row.columns, next(lines, None))


def _with_samples(number: int, columns: dict[str, Any], line: str | None) -> SourceRow:
    if line is None:
        raise RequestError(f"row {number + 1} has no samples: the input has grown since")
    sampled = json.loads(line)
    if sampled["reason"] is not None:
        return SourceRow(number, columns, Unjudged(Reason(sampled["reason"]), sampled["detail"]))
    kept = {name: value for name, value in columns.items() if name not in CANDIDATE_COLUMNS}
    return SourceRow(number, {**kept, sampled["column"]: sampled["texts"]})
