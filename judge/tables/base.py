"""What a table of rows is, and Arrow for the ones that are made of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from judge.errors import MissingExtraError

BATCH = 64
"""Rows read at a time; each may hold several pictures."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row's columns. ``problem`` says why it cannot be judged; empty where it may."""

    columns: dict[str, Any]
    problem: str = ""


class Table(ABC):
    """Rows in a fixed order. Each call reads from the start, a batch at a time."""

    @abstractmethod
    def count(self) -> int | None:
        """Rows in all; None where only reading them would tell."""

    @abstractmethod
    def schema(self) -> Any:
        """The ``pyarrow.Schema`` of :meth:`batches`.

        Raises:
            RequestError: the rows do not fit into columns of one type each.
            MissingExtraError: pyarrow is not installed.
        """

    @abstractmethod
    def batches(self) -> Iterator[Any]:
        """The rows as ``pyarrow.RecordBatch``es."""

    def rows(self, start: int = 0) -> Iterator[TableRow]:
        """The rows from that one on. Pictures and sounds of a column stay encoded."""
        return rows_of(self.batches(), start)


def rows_of(batches: Iterable[Any], start: int) -> Iterator[TableRow]:
    """The rows of ``pyarrow.RecordBatch``es from that one on."""
    for batch in batches:
        if start >= batch.num_rows:
            start -= batch.num_rows
        else:
            yield from map(TableRow, batch.slice(start).to_pylist())
            start = 0


def import_arrow() -> Any:
    """The package pyarrow with its Parquet module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "data") from error
