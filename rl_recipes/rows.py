"""Rows of a run from wherever they are: files, folders, the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Image, Value, load_dataset, load_from_disk

from judge.errors import RequestError

_SAVED = ("state.json", "dataset_dict.json")
"""Files of a folder that ``save_to_disk`` made."""


def load_rows(source: str, pictures: tuple[str, ...] = (), limit: int = 0) -> Dataset:
    """The rows of a file, a folder or a hub dataset, in their order.

    Args:
        source: a ``.jsonl`` or ``.parquet`` file, the folder of a dataset (saved, or of data files
            or pictures), or a hub id; folder and id may be followed by ``:split``, which is
            ``train`` where there are several.
        pictures: columns with a picture each; file names are taken from beside the file.
        limit: how many rows, from the first; 0: all.

    Raises:
        RequestError: they cannot be read, are none, or lack a column of pictures.
    """
    try:
        rows = _load(source)
    except Exception as error:  # whatever the files, the hub and the network bring
        raise RequestError(f"rows cannot be read from {source!r}: {error}") from error
    if limit:
        rows = rows.select(range(min(limit, len(rows))))
    if not len(rows):
        raise RequestError(f"{source!r} holds no rows")
    for column in pictures:
        rows = _with_pictures(rows, column, source)
    return rows


def _load(source: str) -> Dataset:
    name, _, split = source.partition(":") if not Path(source).exists() else (source, "", "")
    path = Path(name)
    if path.is_file():
        kind = "parquet" if path.suffix == ".parquet" else "json"
        return load_dataset(kind, data_files=str(path), split="train")
    is_saved = any((path / file).is_file() for file in _SAVED)
    found: Any = load_from_disk(name) if is_saved else load_dataset(name)
    if not isinstance(found, dict):
        return found
    chosen = split or ("train" if "train" in found else next(iter(found)))
    if chosen not in found:
        raise ValueError(f"no split {chosen!r}; it has {', '.join(found)}")
    return found[chosen]


def _with_pictures(rows: Dataset, column: str, source: str) -> Dataset:
    if column not in rows.column_names:
        raise RequestError(
            f"{source!r} has no column {column!r} with a picture; it has "
            f"{', '.join(rows.column_names)}"
        )
    if isinstance(rows.features[column], Image):
        return rows
    path = Path(source)
    if rows.features[column] == Value("string") and path.exists():
        folder = path.parent if path.is_file() else path
        rows = rows.map(lambda row: {column: str(folder / row[column])}, desc="finding pictures")
    try:
        return rows.cast(Features({**rows.features, column: Image()}))
    except (TypeError, ValueError) as error:
        raise RequestError(f"column {column!r} of {source!r} holds no pictures: {error}") from error
