"""Rows go through a judge into records, once, whatever happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from judge import Completion, EngineDeadError, Judge, Prompt, RequestError
from judge.engines import ScriptedEngine
from reward.errors import StoreError
from reward.offline.jobs import JobPlan, run_job
from reward.offline.records import RowRecord, read_record, unjudged_reasons
from reward.store.database import open_database
from reward.store.stats import read_stats
from tests.reward.offline.scripted import plan_of, reply, scored_rows, scripted_judge, write_table


@pytest.fixture
def plan(tmp_path: Path) -> JobPlan:
    return plan_of(write_table(tmp_path / "rows.jsonl", scored_rows(10)), tmp_path / "job")


def with_script(script: Callable[[Prompt], Any]) -> Judge:
    return Judge(scripted_judge().folder, ScriptedEngine(script))


async def test_every_row_gets_one_record_in_order(plan: JobPlan) -> None:
    progress = await run_job(plan, scripted_judge)
    records = list(plan.records())
    assert [each.row for each in records] == list(range(10))
    assert progress.rows == 10
    assert progress.asked == 20
    assert [len(each.comparisons) for each in records] == [2] * 10
    assert unjudged_reasons(records[6]) == ["no_answer"]
    assert sorted(path.name for path in plan.shards.folder.iterdir()) == [
        "000000.jsonl",
        "000001.jsonl",
        "000002.jsonl",
    ]


async def test_a_finished_job_asks_nothing_again(plan: JobPlan) -> None:
    await run_job(plan, scripted_judge)
    engine = ScriptedEngine(lambda _: RuntimeError("nobody was to be asked"))
    progress = await run_job(plan, lambda: Judge(scripted_judge().folder, engine))
    assert engine.prompts == []
    assert progress.rows == 0


async def test_what_an_engine_that_died_had_judged_is_not_asked_again(plan: JobPlan) -> None:
    asked = 0

    def dying(prompt: Prompt) -> str | Exception:
        nonlocal asked
        asked += 1
        return EngineDeadError("gone") if asked > 9 else reply(prompt)

    with pytest.raises(EngineDeadError):
        await run_job(replace(plan, concurrency=1), lambda: with_script(dying))
    before = _stored(plan)
    assert before >= 4
    engine = ScriptedEngine(reply)
    await run_job(plan, lambda: Judge(scripted_judge().folder, engine))
    first_asks = [each for each in engine.prompts if not each.begun]
    readable = 2 * 10 - 2  # both orders of row 6 are unreadable, and asked once more each
    assert len(first_asks) == readable - before + 4
    assert len(list(plan.records())) == 10


async def test_a_shard_that_is_lost_is_made_from_the_store(plan: JobPlan) -> None:
    await run_job(plan, scripted_judge)
    whole = [path.read_text() for path in sorted(plan.shards.folder.iterdir())]
    plan.shards.path(0).unlink()
    engine = ScriptedEngine(reply)
    progress = await run_job(plan, lambda: Judge(scripted_judge().folder, engine))
    assert engine.prompts == []
    assert (progress.rows, progress.cached) == (4, 8)
    assert [path.read_text() for path in sorted(plan.shards.folder.iterdir())] == whole


async def test_unjudged_rows_are_tried_again_alone(plan: JobPlan) -> None:
    await run_job(plan, scripted_judge)
    before = list(plan.records())
    answer = "<think>\nSo.\n</think>\n<answer>7</answer><answer>7</answer>"
    engine = ScriptedEngine(lambda prompt: answer.removeprefix(prompt.begun))
    judge = Judge(scripted_judge().folder, engine)
    await run_job(plan, lambda: judge)
    assert engine.prompts == []  # not unless it is asked for
    progress = await run_job(plan, lambda: judge, retry_unjudged=True)
    after = list(plan.records())
    assert progress.asked == 2
    assert [each.row for each in after if each.failures] == []
    assert [each for each in after if each.row != 6] == [each for each in before if each.row != 6]


async def test_rows_that_cannot_be_judged_are_records_too(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", [{"prompt": "?", "completions": ["score=1"]}])
    append(source, "no json\n" + json.dumps({"prompt": "?", "image": "/none.png"}) + "\n")
    plan = plan_of(source, tmp_path / "job")
    await run_job(plan, scripted_judge)
    records = list(plan.records())
    assert [unjudged_reasons(each) for each in records] == [["bad_request"]] * 3
    assert "two candidates" in records[0].failures[0].detail
    assert "not JSON" in records[1].failures[0].detail


async def test_a_folder_of_another_job_is_refused(plan: JobPlan, tmp_path: Path) -> None:
    await run_job(plan, scripted_judge)
    with pytest.raises(RequestError, match=r"shard_rows: 4 \(now 5\)"):
        await run_job(replace(plan, shard_rows=5), scripted_judge)
    append(Path(plan.source), json.dumps(scored_rows(1)[0]) + "\n")
    with pytest.raises(RequestError, match="input_bytes"):
        await run_job(plan, scripted_judge)


async def test_rows_that_changed_since_are_noticed(plan: JobPlan) -> None:
    await run_job(plan, scripted_judge)
    rows = scored_rows(10)
    write_table(Path(plan.source), [*rows[:3], {**rows[3], "prompt": "Question 8!"}, *rows[4:]])
    with pytest.raises(RequestError, match="row 4 is not the one that was judged"):
        list(plan.rows(Event()))


async def test_a_judge_that_does_not_compare_is_refused_at_once(plan: JobPlan) -> None:
    from judge.folder import builtin_profile

    judge = scripted_judge()
    nano = Judge(replace(judge.folder, profile=builtin_profile("nano-judge")), judge.engine)
    with pytest.raises(RequestError, match="has no pairwise protocol; it has pointwise"):
        await run_job(plan, lambda: nano)
    assert not plan.out.exists()


async def test_a_store_that_cannot_be_opened_stops_the_job(plan: JobPlan) -> None:
    with pytest.raises(StoreError):
        await run_job(replace(plan, store="mysql://nowhere"), scripted_judge)


@pytest.mark.parametrize("protocol", ["pointwise", "pairwise", "listwise"])
async def test_records_come_back_as_they_were(plan: JobPlan, protocol: str) -> None:
    plan = plan_of(Path(plan.source), plan.out, protocol)
    await run_job(plan, scripted_judge)
    for record in plan.records():
        assert read_record(record.to_line()) == record
    assert isinstance(next(plan.records()), RowRecord)


def test_a_line_that_is_no_record_is_told() -> None:
    with pytest.raises(RequestError, match="not the record of a row"):
        read_record('{"row": 1}')


async def test_replies_that_are_cut_short_are_unjudged(plan: JobPlan) -> None:
    await run_job(plan, lambda: with_script(lambda _: Completion("<think>\nWell", "length")))
    assert {reason for each in plan.records() for reason in unjudged_reasons(each)} == {"truncated"}


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _stored(plan: JobPlan) -> int:
    engine = open_database(plan.out / "verdicts.db", create=False)
    try:
        return read_stats(engine).total.verdicts
    finally:
        engine.dispose()
