"""Rows on their way to the trainer: checked against their own protocol, measured, never cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoProcessor

from judge.errors import RequestError
from judge.folder import embedded_checkpoint
from judge.sft.samples import JudgingRow
from judge.sft.train.data import data_files, make_dataset, read_data
from tests.judge.sft.train.curated import curated_file, curated_rows


@pytest.fixture(scope="module")
def processor() -> Any:
    return AutoProcessor.from_pretrained(embedded_checkpoint("nano-base"))


def with_reply(row: JudgingRow, reply: str) -> JudgingRow:
    return replace(row, completion=[{"role": "assistant", "content": reply}])


def test_rows_over_the_limit_are_left_out_by_name(tmp_path: Path, processor: Any) -> None:
    rows = curated_rows("text", 12)
    path = curated_file(tmp_path / "train.jsonl", rows)
    whole = read_data(path, processor, None)
    assert whole.rows == tuple(rows)
    assert whole.too_long == ()
    limit = sorted(whole.tokens)[8]
    cut = read_data(path, processor, limit)
    fits = [row for row, tokens in zip(rows, whole.tokens, strict=True) if tokens <= limit]
    assert 0 < len(fits) < 12
    assert list(cut.rows) == fits
    assert set(cut.too_long) == {row.id for row in rows} - {row.id for row in fits}
    with pytest.raises(RequestError, match=r"of 12 rows 12 are over the limit of 5 tokens"):
        read_data(path, processor, 5)


def test_lengths_are_those_of_the_chat_template(tmp_path: Path, processor: Any) -> None:
    (row,) = curated_rows("text", 1)
    data = read_data(curated_file(tmp_path / "one.jsonl", [row]), processor, None)
    ids = processor.tokenizer.apply_chat_template(row.prompt + row.completion, tokenize=True)
    assert data.tokens == (len(ids["input_ids"]),)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("<think>\nbecause\n</think>\n<answer>11</answer>", "out_of_scale"),
        ("<think>\nbecause\n</think>\n", "no_answer"),
        ("<think>\nand so on", "no_reasoning_end"),
    ],
)
def test_a_reply_that_does_not_parse_stops_the_run_with_its_row(
    tmp_path: Path, processor: Any, reply: str, reason: str
) -> None:
    rows = curated_rows("text", 3)
    rows[1] = with_reply(rows[1], reply)
    path = curated_file(tmp_path / "train.jsonl", rows)
    with pytest.raises(RequestError, match=rf"row 'text-1'.*{reason}.*the reply ends") as raised:
        read_data(path, processor, None)
    assert repr(reply[-20:])[1:-1] in str(raised.value)


def test_a_reply_of_other_scores_stops_the_run(tmp_path: Path, processor: Any) -> None:
    (row,) = curated_rows("text", 1)
    other = 3.0 if row.scores != (3.0,) else 4.0
    path = curated_file(tmp_path / "train.jsonl", [replace(row, scores=(other,))])
    with pytest.raises(RequestError, match="row 'text-0': expected a reply with the scores"):
        read_data(path, processor, None)


def test_a_template_that_drops_the_reasoning_stops_the_run(tmp_path: Path) -> None:
    processor = AutoProcessor.from_pretrained(embedded_checkpoint("nano-base"))
    tokenizer = processor.tokenizer
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ message['content'] }}", "{{ message['content'].split('</think>')[-1] }}"
    )
    path = curated_file(tmp_path / "train.jsonl", curated_rows("text", 1))
    with pytest.raises(RequestError, match="'text-0': the base's chat template does not keep"):
        read_data(path, processor, None)


def test_the_trainer_gets_prompt_and_completion_alone(tmp_path: Path, processor: Any) -> None:
    rows = curated_rows("text", 2)
    data = read_data(curated_file(tmp_path / "train.jsonl", rows), processor, None)
    dataset = make_dataset(data)
    assert dataset.column_names == ["prompt", "completion"]
    assert dataset[1] == {"prompt": rows[1].prompt, "completion": rows[1].completion}


def test_rows_with_pictures_bring_them_and_count_their_tokens(
    tmp_path: Path, processor: Any
) -> None:
    rows = [*curated_rows("image", 2), *curated_rows("text", 1)]
    data = read_data(curated_file(tmp_path / "train.jsonl", rows), processor, None)
    assert data.shows_pictures
    text = processor.tokenizer.apply_chat_template(rows[0].prompt + rows[0].completion)
    assert data.tokens[0] == len(text["input_ids"]) + 8, "one placeholder becomes nine tokens"
    dataset = make_dataset(data)
    assert [len(row["images"]) for row in dataset] == [1, 1, 0]
    assert dataset[0]["images"][0].size == (84, 84)


def test_the_folders_files_are_found(tmp_path: Path) -> None:
    train = curated_file(tmp_path / "train.jsonl", curated_rows("text", 1))
    assert data_files(str(tmp_path), None) == (train, None)
    held_out = curated_file(tmp_path / "validation.jsonl", [])
    assert data_files(str(tmp_path), None) == (train, None), "an empty file holds nothing out"
    curated_file(held_out, curated_rows("text", 1))
    assert data_files(str(tmp_path), None) == (train, held_out)
    assert data_files(str(train), None) == (train, None)
    assert data_files(str(train), str(held_out)) == (train, held_out)
