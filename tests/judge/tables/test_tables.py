"""Tables: every kind of source gives the same rows, a batch at a time, bytes untouched."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Features, Image, List, Value
from PIL import Image as Pillow

from judge import MissingExtraError, RequestError
from judge.tables import TableRow, open_table
from judge.tables.base import BATCH

COUNT = 2 * BATCH + 3


def _picture(number: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (4, 4), (number % 256, 0, 0)).save(file, "PNG")
    return file.getvalue()


ROWS: list[dict[str, Any]] = [
    {
        "prompt": [{"content": "Why?", "role": "user"}],
        "completion": f"answer no {number}",
        "images": [{"bytes": _picture(number), "path": None}],
        "stars": None if number % 3 else number / 2,
    }
    for number in range(COUNT)
]
FEATURES = Features(
    {
        "prompt": [{"content": Value("string"), "role": Value("string")}],
        "completion": Value("string"),
        "images": List(Image()),
        "stars": Value("float64"),
    }
)


def _parquet(folder: Path) -> str:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=50)
    return str(path)


def _damaged(folder: Path, group: int) -> Path:
    path = Path(_parquet(folder))
    data = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(group).column(1).data_page_offset
    data[start : start + 64] = bytes(64)
    path.write_bytes(data)
    return path


def _saved(folder: Path) -> str:
    Dataset.from_list(ROWS, features=FEATURES).save_to_disk(folder / "saved")
    return str(folder / "saved")


def _saved_splits(folder: Path) -> str:
    rows = Dataset.from_list(ROWS, features=FEATURES)
    splits = DatasetDict({"train": rows.select(range(1)), "test": rows})
    splits.save_to_disk(folder / "splits")
    return f"{folder / 'splits'}:test"


def _data_files(folder: Path) -> str:
    (folder / "files").mkdir()
    Dataset.from_list(ROWS, features=FEATURES).to_parquet(folder / "files" / "train.parquet")
    return str(folder / "files")


@pytest.mark.parametrize("start", [0, 1, BATCH, 2 * BATCH + 1, COUNT, COUNT + 1])
@pytest.mark.parametrize("make", [_parquet, _saved, _saved_splits, _data_files])
def test_columns_give_their_rows_with_pictures_still_encoded(
    make: Callable[[Path], str], start: int, tmp_path: Path
) -> None:
    table = open_table(make(tmp_path))
    assert [row.columns for row in table.rows(start)] == ROWS[start:]
    assert table.count() in {COUNT, None}
    assert table.schema().names == ["prompt", "completion", "images", "stars"]
    assert all(batch.num_rows <= BATCH for batch in table.batches())


def test_a_dataset_that_streams_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    assert open_table(_data_files(tmp_path)).count() is None


def test_lines_give_rows_and_what_is_none_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    deep = "[" * 100_000
    path.write_text(f'{{"prompt": "a"}}\n\n  \n{{broken\n[1]\n{{"n": {"9" * 5000}}}\n{deep}\n')
    table = open_table(path)
    rows = list(table.rows())
    assert table.count() == len(rows) == 5
    assert rows[0] == TableRow({"prompt": "a"})
    assert rows[1].columns == {"line": "{broken\n"}
    assert [row.problem.split(":")[0] for row in rows[1:]] == [
        "not JSON",
        "a line must be a JSON object",
        "not JSON",
        "not JSON",
    ]
    assert list(table.rows(3)) == rows[3:]


def test_lines_become_columns_whose_types_fit_all_of_them(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": "p", "n": 1} for _ in range(BATCH)]
    rows += [{"prompt": "p", "n": 1.5, "more": {"a": [None]}}, {"more": {"b": "x"}}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no JSON\n")
    found = [row for batch in open_table(path).batches() for row in batch.to_pylist()]
    assert found[0] == {"prompt": "p", "n": 1.0, "more": None, "line": None}
    assert found[-3]["more"] == {"a": [None], "b": None}
    assert found[-1]["line"] == "no JSON\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["text", 5], "'n'"),
        (["text", ["text"]], "'n'"),
        (["text"] * BATCH + [5], "n has incompatible types"),
        (["\ud800"], "'n': .*surrogates"),
        ([2**70], "'n': .*too large"),
    ],
)
def test_lines_that_fit_no_columns_are_refused_by_column(
    values: list[Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"n": value}) + "\n" for value in values))
    with pytest.raises(RequestError, match=f"{message}.*ends in .jsonl"):
        open_table(path).schema()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("rows.jsonl", "no file rows.jsonl: expected a .jsonl or .parquet file"),
        ("some/rows.jsonl", "no file some/rows.jsonl"),
        ("some/rows.parquet", "no file some/rows.parquet"),
        ("rows", "no file rows"),
        ("nobody/has-this-dataset:train", "'nobody/has-this-dataset' cannot be opened"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_error(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=message):
        open_table(source)


def test_a_split_has_to_be_one_of_the_datasets(tmp_path: Path) -> None:
    name = _saved_splits(tmp_path).removesuffix(":test")
    for source in (name, f"{name}:validation"):
        with pytest.raises(RequestError, match=r"has the splits train, test.*splits:train"):
            open_table(source)
    with pytest.raises(RequestError, match="has no splits, and 'train' was asked for"):
        open_table(f"{_saved(tmp_path)}:train")


def test_a_file_that_is_no_parquet_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("not Parquet")
    with pytest.raises(RequestError, match=r"rows\.parquet cannot be read as Parquet"):
        open_table(path).count()


def test_a_damaged_row_group_is_one_clear_error_behind_the_rows_before_it(tmp_path: Path) -> None:
    rows = open_table(_damaged(tmp_path, group=2)).rows()
    assert next(rows).columns == ROWS[0]
    with pytest.raises(RequestError, match=r"rows\.parquet cannot be read as Parquet"):
        list(rows)


def test_row_groups_before_the_first_row_are_not_read(tmp_path: Path) -> None:
    rows = open_table(_damaged(tmp_path, group=1)).rows(101)
    assert [row.columns for row in rows] == ROWS[101:]


@pytest.mark.parametrize("package", ["pyarrow.parquet", "datasets"])
def test_a_missing_package_is_named_with_its_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _saved(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"flexreward\[data\]"):
        open_table(source)
