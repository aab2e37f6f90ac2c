"""Tables of rows to be judged: JSONL, Parquet, and Hugging Face datasets, read as a stream."""

from __future__ import annotations

import re
from pathlib import Path

from judge.errors import RequestError
from judge.tables.base import Table, TableRow
from judge.tables.jsonl import JsonlTable

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILES = {".jsonl", ".json", ".parquet"}

__all__ = ["JsonlTable", "Table", "TableRow", "open_table"]


def open_table(source: str | Path) -> Table:
    """The table of that name; nothing of it is read yet.

    Args:
        source: a ``.parquet`` file; another file, which holds a JSON object a line; a folder of a
            Hugging Face dataset (made by ``save_to_disk``, or with data files in it); or a hub id
            ``owner/name``. Folder and hub id may be followed by ``:split``.

    Raises:
        RequestError: no such file, or a dataset that cannot be opened.
        MissingExtraError: pyarrow or datasets is needed and not installed.
    """
    name, split = str(source), ""
    if not Path(name).exists():
        name, _, split = name.partition(":")
    path = Path(name)
    if path.is_file() and not split:
        if path.suffix != ".parquet":
            return JsonlTable(path)
        from judge.tables.parquet import ParquetTable

        return ParquetTable(path)
    if path.is_dir() or (_HUB_ID.fullmatch(name) and path.suffix not in _FILES):
        from judge.tables.datasets import open_dataset

        return open_dataset(name, split)
    raise RequestError(
        f"no file {source}: expected a .jsonl or .parquet file, the folder of a dataset, "
        "or a hub id with its split such as owner/name:train"
    )
