"""JSONL: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from judge.errors import RequestError
from judge.tables.base import BATCH, Table, TableRow, import_arrow


class JsonlTable(Table):
    """The lines of a file, empty ones aside.

    A line that is no JSON object becomes the one column ``line``, with its problem.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        return sum(1 for _ in self._lines())

    def rows(self, start: int = 0) -> Iterator[TableRow]:
        yield from map(_read_line, islice(self._lines(), start, None))

    def schema(self) -> Any:
        return self._schema

    def batches(self) -> Iterator[Any]:
        batch_type = import_arrow().RecordBatch
        for rows in self._batches():
            yield batch_type.from_pylist(rows, schema=self._schema)

    @cached_property
    def _schema(self) -> Any:
        arrow = import_arrow()
        schema = arrow.schema([])
        try:
            for rows in self._batches():
                found = arrow.schema([(name, _type(rows, name)) for name in _names(rows)])
                schema = arrow.unify_schemas([schema, found], promote_options="permissive")
        except arrow.ArrowException as error:
            raise RequestError(
                f"{self._path} does not fit into Parquet columns: {error}; "
                "give an --output that ends in .jsonl"
            ) from error
        return schema

    def _batches(self) -> Iterator[list[dict[str, Any]]]:
        rows = self.rows()
        while batch := [row.columns for row in islice(rows, BATCH)]:
            yield batch

    def _lines(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from (line for line in lines if line.strip())


def _read_line(line: str) -> TableRow:
    try:
        columns = json.loads(line)
    except (ValueError, RecursionError) as error:  # not JSON, or a number or a depth beyond limits
        return TableRow({"line": line}, f"not JSON: {error}")
    if not isinstance(columns, dict):
        return TableRow({"line": line}, "a line must be a JSON object")
    return TableRow(columns)


def _names(rows: Sequence[dict[str, Any]]) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name in row)


def _type(rows: Sequence[dict[str, Any]], name: str) -> Any:
    arrow = import_arrow()
    try:
        return arrow.array([row.get(name) for row in rows]).type
    except (arrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise arrow.ArrowInvalid(f"column {name!r}: {error}") from error
