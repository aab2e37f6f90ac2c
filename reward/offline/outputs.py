"""Files of rows: written as a stream, there whole or not at all, the same bytes each time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from judge.errors import MissingExtraError
from judge.media import data_uri
from judge.tables.base import import_arrow
from judge.types import Image

Format = Literal["parquet", "jsonl", "datasets"]
Row = Mapping[str, Any]
"""Values by column; ``images``, where there is one, holds a list of pictures."""
Features = Mapping[str, Any]
"""Columns and their types, as ``datasets.Features`` takes them."""

_GROUP_ROWS = 1000
_GROUP_BYTES = 64 << 20
"""A row group holds at most so many rows, and about so many bytes of pictures."""


def output_path(folder: Path, name: str, kind: Format) -> Path:
    """Where :func:`write_rows` puts the rows."""
    return folder / (name if kind == "datasets" else f"{name}.{kind}")


def write_rows(rows: Iterable[Row], features: Features, path: Path, kind: Format) -> int:
    """Writes the rows and returns their number; what was there before stays until then.

    Args:
        rows: each with all columns of ``features``.
        features: in their order.
        path: the file, or for ``"datasets"`` the folder.
        kind: JSON lines hold pictures as ``data:`` URIs; a Parquet file holds their bytes, and its
            columns' types for Hugging Face datasets; ``"datasets"`` is what ``load_from_disk``
            takes.

    Raises:
        MissingExtraError: datasets or pyarrow is not installed.
        RequestError, MediaError: as reading ``rows`` does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    if kind == "jsonl":
        count = _write_jsonl(rows, part)
        part.replace(path)
        return count
    schema = _arrow_schema(features)
    if kind == "parquet":
        count = _write_parquet(rows, schema, part)
        part.replace(path)
        return count
    return _write_dataset(rows, schema, part, path)


def _arrow_schema(features: Features) -> Any:
    return import_datasets().Features(dict(features)).arrow_schema


def import_datasets() -> Any:
    """The package datasets.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module("datasets")
    except ImportError as error:
        raise MissingExtraError("datasets", "data") from error


def _write_jsonl(rows: Iterable[Row], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=data_uri) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterable[Row], schema: Any, path: Path) -> int:
    count = 0
    with import_arrow().parquet.ParquetWriter(path, schema) as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _write_dataset(rows: Iterable[Row], schema: Any, part: Path, path: Path) -> int:
    from datasets.table import MemoryMappedTable

    arrow, count = import_arrow(), 0
    stream = part.with_suffix(".arrow")
    with stream.open("wb") as file, arrow.ipc.new_stream(file, schema) as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)
            count += batch.num_rows
    with stream.open("rb") as written:  # a dataset's own would hang on the clock
        fingerprint = file_digest(written, "sha256").hexdigest()[:16]
    table = import_datasets().Dataset(
        MemoryMappedTable.from_file(str(stream)), fingerprint=fingerprint
    )
    shutil.rmtree(part, ignore_errors=True)
    table.save_to_disk(part)
    shutil.rmtree(path, ignore_errors=True)
    part.replace(path)
    stream.unlink()
    return count


def _batches(rows: Iterable[Row], schema: Any) -> Iterator[Any]:
    batch_type, batch, size = import_arrow().RecordBatch, list[Any](), 0
    for row in rows:
        batch.append(_arrow_value(dict(row)))
        size += sum(len(each.data) for each in row.get("images") or ())
        if len(batch) >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield batch_type.from_pylist(batch, schema=schema)
            batch, size = [], 0
    if batch:
        yield batch_type.from_pylist(batch, schema=schema)


def _arrow_value(value: Any) -> Any:
    """Pictures as their bytes; lone surrogates, which UTF-8 cannot hold, spelled out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Image):
        return {"bytes": value.data, "path": None}
    if isinstance(value, list | tuple):
        return [_arrow_value(each) for each in value]
    if isinstance(value, dict):
        return {name: _arrow_value(each) for name, each in value.items()}
    return value
