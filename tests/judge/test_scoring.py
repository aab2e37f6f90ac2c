"""Judging a table: every row comes out, in order, once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image, Value

from judge import Judge, RequestError, load_rubric, open_judge
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.scoring import score_file
from judge.types import Prompt
from tests.judge.test_rows import picture_bytes

ROOT = Path(__file__).parents[2]
RUBRIC = load_rubric("helpfulness")
COUNT = 30


def _reply(prompt: Prompt) -> str:
    """Scores by the candidates' numbers; every fifth of them gets no answer."""
    numbers = [int(found) for found in re.findall(r"answer no (\d+)", prompt_text(prompt))]
    if any(number % 5 == 0 for number in numbers):
        return "<think>\nhm\n</think>\nno tag"
    answers = "".join(f"<answer>{number % 10 or 10}</answer>" for number in numbers)
    return f"<think>\nfine\n</think>\n{answers}".removeprefix(prompt.begun)


def _judge(folder: Path, **decoding: object) -> tuple[Judge, ScriptedEngine]:
    engine = ScriptedEngine(_reply, delay=0.001)
    return Judge(open_judge(folder, **{"reasks": 0, **decoding}), engine), engine


def _rows(count: int = COUNT) -> list[dict[str, Any]]:
    return [{"prompt": "q", "completion": f"answer no {n}", "n": n} for n in range(1, count + 1)]


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _source(folder: Path, kind: str) -> Path:
    """Rows as a table of that kind; all but the lines with a picture each, still encoded."""
    rows = _rows()
    if kind == "jsonl":
        return _jsonl(folder / "in.jsonl", rows)
    for row in rows:
        row["image"] = {"bytes": picture_bytes(), "path": f"{row['n']}.png"}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "in.parquet", row_group_size=7)
        return folder / "in.parquet"
    columns = {"prompt": Value("string"), "completion": Value("string"), "n": Value("int64")}
    dataset = Dataset.from_list(rows, features=Features({**columns, "image": Image()}))
    if kind == "dataset":
        dataset.save_to_disk(folder / "in")
    else:  # a folder of data files, which is streamed: its length is not known
        (folder / "in").mkdir()
        dataset.to_parquet(folder / "in" / "train.parquet")
    return folder / "in"


def _read(target: Path) -> list[dict[str, Any]]:
    if target.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(target).to_pylist()
        return rows
    return [json.loads(line) for line in target.read_text().splitlines()]


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("source", ["jsonl", "parquet", "dataset", "stream"])
async def test_rows_come_out_in_order_with_their_columns_and_failures_are_no_numbers(
    source: str, output: str, judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    target = tmp_path / output
    report = await score_file(
        judge, _source(tmp_path, source), target, rubric=RUBRIC, concurrency=7
    )
    rows = _read(target)
    assert [row["n"] for row in rows] == list(range(1, COUNT + 1))
    assert (report.rows, report.resumed, report.judged) == (COUNT, 0, 24)
    assert report.unjudged == {"no_answer": 6}
    assert report.mean_score == pytest.approx(sum(n % 10 for n in range(30) if n % 5) / 24)
    assert report.flip_rate is None
    for row in rows:
        judgement = row["judgement"]
        assert judgement["judge"] == judge.fingerprint
        assert judgement["rubric"] == RUBRIC.fingerprint()
        assert (judgement["score"] is None) == (row["n"] % 5 == 0)
        assert (judgement["reason"] is None) == (row["n"] % 5 != 0)


async def test_pictures_stay_bytes_in_parquet_and_are_named_by_their_hash_in_lines(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, engine = _judge(judge_folder)
    source = _source(tmp_path, "dataset")
    for output in ("out.parquet", "out.jsonl"):
        await score_file(judge, source, tmp_path / output, rubric=RUBRIC)
    assert all("[image 4x4]" in prompt_text(prompt) for prompt in engine.prompts)
    assert _read(tmp_path / "out.parquet")[0]["image"]["bytes"] == picture_bytes()
    named = _read(tmp_path / "out.jsonl")[0]["image"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", named["bytes"])
    assert named["path"] == "1.png"
    again = Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    assert again.features["image"] == Image(), "it is still a column of pictures"


async def test_every_protocol_votes_and_orders_go_through_a_file(
    judge_folder: Path, tmp_path: Path
) -> None:
    pair = {"prompt": "q", "completions": ["answer no 7", "answer no 3"]}
    rows = [
        {"prompt": "q", "completion": "answer no 8"},
        pair,
        {**pair, "completions": ["answer no 1", "answer no 2", "answer no 3"]},
        {"prompt": "q", "chosen": "answer no 9", "rejected": "answer no 4"},
        {**pair, "protocol": "pointwise"},
    ]
    decoding = {"votes": 2, "temperature": 0.7, "both_orders": True}
    judge, _ = _judge(judge_folder, **decoding)
    target = tmp_path / "out.jsonl"
    report = await score_file(judge, _jsonl(tmp_path / "in.jsonl", rows), target, rubric=RUBRIC)
    one, two, three, preference, wrong = (row["judgement"] for row in _read(target))
    assert (one["protocol"], one["score"], one["votes"]) == ("pointwise", 8, [[8], [8]])
    assert (two["protocol"], two["scores"], two["best"]) == ("pairwise", [7, 3], 0)
    assert (two["votes"], two["flipped"]) == ([[7, 3]] * 4, False)
    assert (three["protocol"], three["scores"]) == ("listwise", [1, 2, 3])
    assert (preference["scores"], preference["best"]) == ([9, 4], 0)
    assert (wrong["protocol"], wrong["scores"]) == ("pointwise", None)
    assert wrong["reason"] is not None
    assert (report.mean_score, report.flip_rate) == (8, 0)


async def test_rows_that_are_none_are_kept_with_their_reason_and_number(
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
    judgements = [row["judgement"] for row in _read(target)]
    assert [each["detail"].split(":")[0] for each in judgements[:5]] == [
        f"row {number}" for number in range(1, 6)
    ]
    assert [each["protocol"] for each in judgements] == [None] * 5 + ["pointwise"]


@pytest.mark.parametrize("kept", [0, 1, 333, 1000, 2001, 10**6])
@pytest.mark.parametrize(("source", "output"), [("jsonl", "out.jsonl"), ("dataset", "out.parquet")])
async def test_a_torn_file_resumes_to_the_same_bytes_and_judges_nothing_twice(
    kept: int, source: str, output: str, judge_folder: Path, tmp_path: Path
) -> None:
    rows, target = _source(tmp_path, source), tmp_path / output
    journal = tmp_path / (output if source == "jsonl" else f"{output}.journal.jsonl")
    judge, _ = _judge(judge_folder)
    await score_file(judge, rows, target, rubric=RUBRIC)
    whole, lines = target.read_bytes(), journal.read_bytes()[:kept]
    target.unlink()
    journal.write_bytes(lines)
    again, engine = _judge(judge_folder)
    report = await score_file(again, rows, target, rubric=RUBRIC, resume=True)
    assert target.read_bytes() == whole
    assert len(engine.prompts) == COUNT - lines.count(b"\n")
    assert report.resumed == lines.count(b"\n")


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from judge import load_rubric
from judge.scoring import score_file
from tests.judge import test_scoring as here

folder, source, target, replies = sys.argv[1:]
judge, engine = here._judge(Path(folder))
reply = engine._script

def dying(prompt):
    if len(engine.prompts) > int(replies):
        os.kill(os.getpid(), signal.SIGKILL)
    return reply(prompt)

engine._script = dying
run = score_file(
    judge, source, Path(target), rubric=here.RUBRIC, resume=True, concurrency=3
)
asyncio.run(run)
"""


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("source", ["jsonl", "parquet"])
def test_a_process_killed_at_random_rows_ends_with_an_undisturbed_runs_bytes(
    source: str, output: str, judge_folder: Path, tmp_path: Path
) -> None:
    rows, calm, target = _source(tmp_path, source), tmp_path / f"calm-{output}", tmp_path / output
    judge, _ = _judge(judge_folder)
    asyncio.run(score_file(judge, rows, calm, rubric=RUBRIC))
    rng = random.Random(f"{source} {output}")
    for replies in (rng.randrange(4, COUNT - 4), rng.randrange(3)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, judge_folder, rows, target, str(replies)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (tmp_path / "out.parquet").exists(), "Parquet is there whole or not at all"
    again, engine = _judge(judge_folder)
    report = asyncio.run(score_file(again, rows, target, rubric=RUBRIC, resume=True))
    assert target.read_bytes() == calm.read_bytes()
    assert report.resumed > 0
    assert len(engine.prompts) == COUNT - report.resumed


async def test_stopping_leaves_whole_lines_only(judge_folder: Path, tmp_path: Path) -> None:
    judge, engine = _judge(judge_folder)
    source, target = _jsonl(tmp_path / "in.jsonl", _rows(500)), tmp_path / "out.jsonl"
    run = asyncio.create_task(score_file(judge, source, target, rubric=RUBRIC, concurrency=4))
    judged = 0
    while judged < 50:
        await asyncio.sleep(0.001)
        judged = len(engine.prompts)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    rows = _read(target)
    assert 20 <= len(rows) < 500
    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))


async def test_an_existing_file_is_not_overwritten_and_another_judges_is_not_mixed_in(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    source, target = _jsonl(tmp_path / "in.jsonl", _rows(3)), tmp_path / "out.jsonl"
    await score_file(judge, source, target, rubric=RUBRIC)
    with pytest.raises(RequestError, match="--resume"):
        await score_file(judge, source, target, rubric=RUBRIC)
    other, _ = _judge(judge_folder, temperature=1.0)
    with pytest.raises(RequestError, match="was made by"):
        await score_file(other, source, target, rubric=RUBRIC, resume=True)
    with pytest.raises(RequestError, match="was made by"):
        await score_file(judge, source, target, rubric=load_rubric("captioning"), resume=True)
    with pytest.raises(RequestError, match="was made by"):
        await score_file(judge, source, target, rubric=RUBRIC, protocol="choice", resume=True)
    fewer = _jsonl(tmp_path / "fewer.jsonl", _rows(2))
    with pytest.raises(RequestError, match=r"3 rows and .* 2: not the same run"):
        await score_file(judge, fewer, target, rubric=RUBRIC, resume=True)
    notes = tmp_path / "notes.txt"
    notes.write_text("my own notes")
    with pytest.raises(RequestError, match="not a file of judged rows"):
        await score_file(judge, source, notes, rubric=RUBRIC, resume=True)
    assert notes.read_text() == "my own notes"


async def test_a_finished_parquet_file_without_its_journal_is_left_alone(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, _ = _judge(judge_folder)
    source, target = _jsonl(tmp_path / "in.jsonl", _rows(3)), tmp_path / "out.parquet"
    await score_file(judge, source, target, rubric=RUBRIC)
    (tmp_path / "out.parquet.journal.jsonl").unlink()
    with pytest.raises(RequestError, match="is finished"):
        await score_file(judge, source, target, rubric=RUBRIC, resume=True)


async def test_rows_that_fit_no_columns_are_refused_before_any_is_judged(
    judge_folder: Path, tmp_path: Path
) -> None:
    judge, engine = _judge(judge_folder)
    for bad in ([{"n": "text"}], [{"n": {}}]):
        source = _jsonl(tmp_path / "in.jsonl", [*_rows(3), *bad])
        with pytest.raises(RequestError, match=r"columns|cannot be written as Parquet"):
            await score_file(judge, source, tmp_path / "out.parquet", rubric=RUBRIC)
    assert not engine.prompts
    assert not (tmp_path / "out.parquet.journal.jsonl").exists()


async def test_a_judged_file_can_be_judged_again(judge_folder: Path, tmp_path: Path) -> None:
    judge, _ = _judge(judge_folder)
    other, _ = _judge(judge_folder, seed=1)
    source = _jsonl(tmp_path / "in.jsonl", _rows(3))
    for output in ("first.parquet", "second.parquet"):
        await score_file(judge, source, tmp_path / output, rubric=RUBRIC)
        judge, source = other, tmp_path / output
    rows = _read(source)
    assert [row["judgement"]["judge"] for row in rows] == [other.fingerprint] * 3
    assert list(rows[0]) == ["prompt", "completion", "n", "judgement"]


async def test_a_missing_source_is_one_clear_error(judge_folder: Path, tmp_path: Path) -> None:
    judge, _ = _judge(judge_folder)
    with pytest.raises(RequestError, match="no file"):
        await score_file(judge, tmp_path / "gone.jsonl", tmp_path / "out.jsonl")


async def test_concurrency_below_one_is_refused(judge_folder: Path, tmp_path: Path) -> None:
    judge, _ = _judge(judge_folder)
    with pytest.raises(RequestError, match="concurrency"):
        await score_file(judge, tmp_path / "in.jsonl", tmp_path / "out.jsonl", concurrency=0)
