"""The rows of which something stayed unjudged, listed apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from reward.offline.records import RowRecord, unjudged_reasons
from reward.offline.sources import SourceRow

UNJUDGED = "unjudged.jsonl"


class UnjudgedFile:
    """Takes the rows as they pass."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, row: SourceRow, record: RowRecord) -> None:
        """Writes the row's line, where something of it stayed unjudged."""
        if record.failures:
            self._file.write(unjudged_line(row, record) + "\n")


@contextmanager
def open_unjudged(folder: Path) -> Iterator[UnjudgedFile]:
    """The list in a job's folder, which takes the place of an earlier one when it is whole."""
    path = folder / UNJUDGED
    part = path.with_name(f"{UNJUDGED}.part")
    with part.open("w", encoding="utf-8") as file:
        yield UnjudgedFile(file)
    part.replace(path)


def unjudged_line(row: SourceRow, record: RowRecord) -> str:
    """The row as JSON: ``row`` (its number from 0), its ``id``, the different ``reasons``, and of
    each failure its ``detail`` and the judge's ``reply``, if there was one.
    """
    fields = {
        "row": row.number,
        "id": row.columns.get("id"),
        "reasons": unjudged_reasons(record),
        "failures": [
            {"reason": each.reason.value, "detail": each.detail, "reply": each.reply}
            for each in record.failures
        ],
    }
    return json.dumps(fields, default=str)
