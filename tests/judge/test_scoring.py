"""Judging a file: every row comes out, in order, once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from judge import Judge, RequestError, load_rubric, open_judge
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.scoring import score_file
from judge.types import Prompt

RUBRIC = load_rubric("helpfulness")


def _reply(prompt: Prompt) -> str:
    number = re.search(r"answer no (\d+)", prompt_text(prompt))
    assert number is not None
    if int(number[1]) % 5 == 0:
        return "<think>\nhm\n</think>\nno tag"
    return f"<think>\nfine\n</think>\n<answer>{int(number[1]) % 10 or 10}</answer>"


def _judge(folder: Path, **decoding: float) -> tuple[Judge, ScriptedEngine]:
    engine = ScriptedEngine(_reply, delay=0.001)
    return Judge(open_judge(folder, **decoding), engine), engine


def _source(path: Path, count: int) -> Path:
    rows = ({"prompt": "q", "completion": f"answer no {n}", "n": n} for n in range(1, count + 1))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_rows_come_out_in_order_with_their_columns_and_failures_are_no_numbers(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    source, target = _source(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl"
    report = await score_file(judge, source, target, rubric=RUBRIC, concurrency=7)
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["n"] for row in rows] == list(range(1, 21))
    assert report.judged == 16
    assert report.unjudged == {"no_answer": 4}
    for row in rows:
        judgement = row["judgement"]
        assert judgement["judge"] == judge.fingerprint
        assert (judgement["score"] is None) == (row["n"] % 5 == 0)
        assert (judgement["reason"] is None) == (row["n"] % 5 != 0)


async def test_lines_that_are_no_rows_are_kept_with_their_reason(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, engine = _judge(judge_folder)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    poison = f'{{"prompt": "q", "completion": {"9" * 5000}}}'
    lone = '{"prompt": "q", "completion": ["\\ud800"]}'
    good = '{"prompt": "q", "completion": "answer no 3"}'
    lines = ["{broken", "[1]", '{"prompt": "q"}', poison, lone, good]
    source.write_text("\n".join(lines) + "\n")
    report = await score_file(judge, source, target, rubric=RUBRIC)
    assert report.unjudged == {"bad_request": 5}
    assert report.judged == 1
    assert len(engine.prompts) == 1
    assert len(target.read_text().splitlines()) == 6


@pytest.mark.parametrize("kept", [0, 1, 333, 1000, 2001])
async def test_a_killed_run_resumes_to_the_same_bytes_and_judges_nothing_twice(
    kept: int, judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    source, whole = _source(tmp_path / "in.jsonl", 12), tmp_path / "whole.jsonl"
    await score_file(judge, source, whole, rubric=RUBRIC)
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(whole.read_bytes()[:kept])
    left = 12 - torn.read_bytes().count(b"\n")
    again, engine = _judge(judge_folder)
    await score_file(again, source, torn, rubric=RUBRIC, resume=True)
    assert torn.read_bytes() == whole.read_bytes()
    assert len(engine.prompts) == left


async def test_stopping_leaves_whole_lines_only(judge_folder: Path, tmp_path: Path) -> None:
    judge, engine = _judge(judge_folder)
    source, target = _source(tmp_path / "in.jsonl", 500), tmp_path / "out.jsonl"
    run = asyncio.create_task(score_file(judge, source, target, rubric=RUBRIC, concurrency=4))
    judged = 0
    while judged < 50:
        await asyncio.sleep(0.001)
        judged = len(engine.prompts)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    lines = target.read_text().splitlines()
    assert 40 <= len(lines) < 500
    assert [json.loads(line)["n"] for line in lines] == list(range(1, len(lines) + 1))


async def test_an_existing_file_is_not_overwritten_and_another_judges_is_not_mixed_in(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    source, target = _source(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    await score_file(judge, source, target, rubric=RUBRIC)
    with pytest.raises(RequestError, match="--resume"):
        await score_file(judge, source, target, rubric=RUBRIC)
    other, _ = _judge(judge_folder, temperature=1.0)
    with pytest.raises(RequestError, match="was made by"):
        await score_file(other, source, target, rubric=RUBRIC, resume=True)
    with pytest.raises(RequestError, match="was made by"):
        await score_file(judge, source, target, rubric=load_rubric("captioning"), resume=True)
    notes = tmp_path / "notes.txt"
    notes.write_text("my own notes")
    with pytest.raises(RequestError, match="not a file of judged rows"):
        await score_file(judge, source, notes, rubric=RUBRIC, resume=True)
    assert notes.read_text() == "my own notes"


async def test_a_missing_source_is_one_clear_error(judge_folder: Path, tmp_path: Path) -> None:
    judge, _ = _judge(judge_folder)
    with pytest.raises(RequestError, match="no file"):
        await score_file(judge, tmp_path / "gone.jsonl", tmp_path / "out.jsonl")
