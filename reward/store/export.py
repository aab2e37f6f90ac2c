"""A store's rows as a file: JSONL or Parquet, in the columns that ``flex-judge score`` takes.

prompt, images, videos, audios            what was asked; media by their hash
completions, molecules, candidate_images  the candidates
reference, id, rubric, protocol           as in :mod:`judge.rows`; ``rubric`` is its name
judgement                                 what came of it, as in :mod:`judge.record`
reward, run, step, created_at, queued_s, judged_s, served, key
                                          as in :mod:`reward.store.table`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from judge.record import KEY, record, record_type
from judge.tables.base import import_arrow
from reward.errors import StoreError
from reward.store.codec import decode_outcome
from reward.store.stats import iso_time
from reward.store.table import verdicts

_BATCH = 500


def export_rows(engine: Engine, target: Path, *, run: str | None = None) -> int:
    """Writes the rows, oldest first; returns their number. The file is there whole or not at all.

    Args:
        engine: the opened database.
        target: a ``.parquet`` file, or else a file of JSON lines.
        run: only the rows of that run.

    Raises:
        StoreError: the file exists, or cannot be written.
        MissingExtraError: pyarrow is needed and not installed.
    """
    if target.exists():
        raise StoreError(f"{target} exists; remove it, or write to another file")
    write = _write_parquet if target.suffix == ".parquet" else _write_jsonl
    part = target.with_name(f"{target.name}.part")
    try:
        count = write(_rows(engine, run), part)
        part.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from error
    return count


def _rows(engine: Engine, run: str | None) -> Iterator[dict[str, Any]]:
    query = select(verdicts).order_by(verdicts.c.id)
    if run is not None:
        query = query.where(verdicts.c.run == run)
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=_BATCH).execute(query):
            yield _exported(row)


def _exported(row: Any) -> dict[str, Any]:
    request = json.loads(row.request)
    question, candidates = request["question"], request["candidates"]
    molecules = [candidate["molecule"] for candidate in candidates]
    media = [[_media_name(each) for each in candidate["media"]] for candidate in candidates]
    maker = {"judge": row.judge, "rubric": row.rubric}
    columns = {
        "prompt": "\n".join(part for part in question if isinstance(part, str)),
        **{f"{kind}s": _media_names(question, kind) for kind in ("image", "video", "audio")},
        "completions": [candidate["text"] for candidate in candidates],
        "molecules": molecules if any(each is not None for each in molecules) else None,
        "candidate_images": media if any(media) else None,
        "reference": request["reference"],
        "id": request["id"],
        "rubric": row.rubric.rpartition("-")[0],
        "protocol": row.protocol,
        "reward": row.reward,
        "run": row.run,
        "step": row.step,
        "created_at": iso_time(row.created_at),
        "queued_s": row.queued_s,
        "judged_s": row.judged_s,
        "served": row.served,
        "key": row.key,
    }
    judgement = record(decode_outcome(row.outcome), row.protocol, maker)
    return {**{name: _printable(value) for name, value in columns.items()}, KEY: judgement}


def _media_names(question: Sequence[Any], kind: str) -> list[str] | None:
    """The media of that kind, or None without any: a row may hold no empty list of them."""
    return [
        _media_name(part) for part in question if isinstance(part, dict) and kind in part
    ] or None


def _media_name(media: dict[str, str]) -> str:
    (sha256,) = media.values()
    return f"sha256:{sha256}"


def _printable(value: Any) -> Any:
    """Texts with lone surrogates, which UTF-8 cannot hold, spelled out."""
    if isinstance(value, list):
        return [_printable(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def _write_jsonl(rows: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path) -> int:
    arrow = import_arrow()
    schema, count = _arrow_schema(arrow), 0
    with arrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _arrow_schema(arrow: Any) -> Any:
    text, number, whole = arrow.string(), arrow.float64(), arrow.int64()
    texts = arrow.list_(text)
    return arrow.schema(
        {
            "prompt": text,
            "images": texts,
            "videos": texts,
            "audios": texts,
            "completions": texts,
            "molecules": texts,
            "candidate_images": arrow.list_(texts),
            "reference": text,
            "id": text,
            "rubric": text,
            "protocol": text,
            "reward": number,
            "run": text,
            "step": whole,
            "created_at": text,
            "queued_s": number,
            "judged_s": number,
            "served": whole,
            "key": text,
            KEY: record_type(),
        }
    )
