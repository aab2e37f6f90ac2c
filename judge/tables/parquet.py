"""Parquet files: read and written in row groups, never as a whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from judge.errors import RequestError
from judge.record import KEY, record_type
from judge.tables.base import BATCH, Table, TableRow, import_arrow, rows_of

_READ_BUFFER = 1 << 20
_GROUP_ROWS = 10_000
_GROUP_BYTES = 64 << 20
"""A row group that is written holds at most so many rows and about so many bytes."""


class ParquetTable(Table):
    """The rows of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrow = import_arrow()

    def count(self) -> int:
        with self._open() as file:
            return int(file.metadata.num_rows)

    def schema(self) -> Any:
        with self._open() as file:
            return file.schema_arrow

    def batches(self) -> Iterator[Any]:
        with self._open() as file:
            yield from file.iter_batches(batch_size=BATCH)

    def rows(self, start: int = 0) -> Iterator[TableRow]:
        """As :meth:`Table.rows`; row groups before that row are not read."""
        with self._open() as file:
            first, groups = 0, file.metadata.num_row_groups
            while first < groups and start >= (size := file.metadata.row_group(first).num_rows):
                first, start = first + 1, start - size
            batches = file.iter_batches(batch_size=BATCH, row_groups=range(first, groups))
            yield from rows_of(batches, start)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            with self._arrow.parquet.ParquetFile(self._path, buffer_size=_READ_BUFFER) as file:
                yield file
        except (self._arrow.ArrowException, OSError) as error:
            raise RequestError(f"{self._path} cannot be read as Parquet: {error}") from error


def check_schema(table: Table) -> None:
    """Whether the table's judged rows can be written as Parquet; writes nothing.

    Raises:
        RequestError: they cannot; the message says why.
    """
    arrow = import_arrow()
    try:
        arrow.parquet.ParquetWriter(io.BytesIO(), _judged(table.schema())).close()
    except arrow.ArrowException as error:
        raise RequestError(
            f"these rows cannot be written as Parquet: {error}; "
            "give an --output that ends in .jsonl"
        ) from error


def write_judged(table: Table, journal: Path, target: Path) -> None:
    """Writes the table with the judgements of a journal, as a file that is there whole or not.

    Raises:
        RequestError: the journal does not hold one judgement a row, or a row does not fit.
    """
    arrow = import_arrow()
    try:
        _write(table, journal, target)
    except (arrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise RequestError(
            f"{target} cannot be written: {error}; the judgements are whole in {journal}"
        ) from error


def _write(table: Table, journal: Path, target: Path) -> None:
    arrow = import_arrow()
    schema = _judged(table.schema())
    part = target.with_name(f"{target.name}.part")
    with (
        arrow.parquet.ParquetWriter(part, schema) as writer,
        journal.open(encoding="utf-8") as lines,
    ):
        for group in _groups(table.batches()):
            judgements = [json.loads(line)[KEY] for line in islice(lines, group.num_rows)]
            if len(judgements) < group.num_rows:
                raise RequestError(f"{journal} lacks judgements: the rows have become more")
            columns = [group[name] for name in schema.names[:-1]]
            judged = arrow.array(judgements, type=record_type())
            writer.write_table(arrow.Table.from_arrays([*columns, judged], schema=schema))
        if next(lines, None) is not None:
            raise RequestError(f"{journal} holds more judgements than there are rows")
    part.replace(target)


def _judged(schema: Any) -> Any:
    """The schema with the judgement as its last column."""
    if KEY in schema.names:
        schema = schema.remove(schema.get_field_index(KEY))
    return schema.append(import_arrow().field(KEY, record_type()))


def _groups(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches as tables of the size of a row group."""
    arrow = import_arrow()
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        rows, size = sum(each.num_rows for each in held), sum(each.nbytes for each in held)
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield arrow.Table.from_batches(held)
            held = []
    if held:
        yield arrow.Table.from_batches(held)
