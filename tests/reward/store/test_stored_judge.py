from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from judge import Candidate, Decoding, EngineDeadError, Judge, Prompt, Unjudged, Verdict
from judge.engines import ScriptedEngine
from reward.store.attempt import Labels
from reward.store.stored_judge import StoredJudge
from reward.store.verdict_store import VerdictStore
from tests.reward.harness import TestEngine, eventually, make_judge
from tests.reward.store.cases import PATIENT, request, rows


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VerdictStore]:
    async with VerdictStore(tmp_path / "v.db", PATIENT) as store:
        yield store


@pytest.fixture
def stored(judge: Judge, store: VerdictStore) -> StoredJudge:
    return StoredJudge(judge, store)


async def test_a_question_is_judged_once(
    stored: StoredJudge, engine: TestEngine, tmp_path: Path, store: VerdictStore
) -> None:
    first, is_cached = await stored.judge(request("score=7"), Labels("run", 3), queued_s=0.25)
    assert isinstance(first, Verdict)
    assert first.scores == (7.0,)
    assert not is_cached
    assert await stored.judge(request("score=7")) == (first, True)
    await store.flush()
    assert await stored.judge(request("score=7", id="another")) == (first, True)
    assert len(engine.prompts) == 1
    await store.flush()
    (row,) = rows(tmp_path / "v.db")
    assert (row.run, row.step, row.queued_s, row.served) == ("run", 3, 0.25, 2)
    assert row.judged_s > 0


async def test_another_server_serves_it(judge: Judge, engine: TestEngine, location: str) -> None:
    for is_cached in (False, True):
        async with VerdictStore(location, PATIENT) as store:
            _, cached = await StoredJudge(judge, store).judge(request("score=7"))
            assert cached is is_cached
    assert len(engine.prompts) == 1


async def test_another_judge_or_decoding_is_asked_anew(
    stored: StoredJudge, engine: TestEngine, judge: Judge, store: VerdictStore
) -> None:
    await stored.judge(request("score=7"))
    await stored.judge(request("score=7"), decoding=replace(judge.decoding, seed=5))
    judge.fingerprint = "another"
    await StoredJudge(judge, store).judge(request("score=7"))
    assert len(engine.prompts) == 3


async def test_the_judges_own_decoding_is_the_same_given_or_not(
    stored: StoredJudge, judge: Judge
) -> None:
    await stored.judge(request("score=7"))
    _, cached = await stored.judge(request("score=7"), decoding=judge.decoding)
    assert cached


async def test_failures_are_recorded_and_asked_again(
    stored: StoredJudge, engine: TestEngine, store: VerdictStore, tmp_path: Path
) -> None:
    for _ in range(2):
        outcome, cached = await stored.judge(request("fail"))
        assert isinstance(outcome, Unjudged)
        assert not cached
    assert len(engine.prompts) == 2
    await store.flush()
    assert [row.reason for row in rows(tmp_path / "v.db")] == ["engine_error"] * 2


async def test_equal_questions_under_way_are_judged_once(
    judge: Judge, engine: TestEngine, store: VerdictStore, tmp_path: Path
) -> None:
    stored = StoredJudge(make_judge(tmp_path / "slow", slow := TestEngine(delay=0.2)), store)
    answers = await asyncio.gather(
        *(stored.judge(request("score=7")) for _ in range(8)), stored.judge(request("score=8"))
    )
    assert len(slow.prompts) == 2
    assert sorted(cached for _, cached in answers) == [False, False] + [True] * 7
    assert {outcome.scores for outcome, _ in answers if isinstance(outcome, Verdict)} == {
        (7.0,),
        (8.0,),
    }
    await store.flush()
    assert sorted(row.served for row in rows(tmp_path / "v.db")) == [0, 7]


async def test_a_failure_under_way_is_shared_and_is_no_cached_verdict(
    tmp_path: Path, store: VerdictStore
) -> None:
    stored = StoredJudge(make_judge(tmp_path / "slow", slow := TestEngine(delay=0.2)), store)
    answers = await asyncio.gather(*(stored.judge(request("fail")) for _ in range(3)))
    assert [cached for _, cached in answers] == [False] * 3
    assert len(slow.prompts) == 1


async def test_a_dead_engine_is_told_to_all_and_nothing_is_recorded(
    stored: StoredJudge, store: VerdictStore, tmp_path: Path
) -> None:
    answers = await asyncio.gather(
        *(stored.judge(request("die")) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [EngineDeadError] * 3
    await store.flush()
    assert rows(tmp_path / "v.db") == []


async def test_leaving_cancels_the_judgement_with_the_last_one_only(
    stored: StoredJudge, engine: TestEngine
) -> None:
    tasks = [asyncio.create_task(stored.judge(request("hang"))) for _ in range(2)]
    await eventually(lambda: engine.hung == 1)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert engine.cancelled == 0
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    assert engine.cancelled == 1


async def test_several_candidates_in_both_orders(tmp_path: Path, store: VerdictStore) -> None:
    def answers(prompt: Prompt) -> str:
        return "<answer>3</answer>" if prompt.begun else "<think>x</think><answer>7</answer>"

    stored = StoredJudge(make_judge(tmp_path / "pair", ScriptedEngine(answers)), store)
    pair = request(candidates=(Candidate("one"), Candidate("two")), protocol="pairwise")
    decoding = Decoding(both_orders=True)
    outcome, _ = await stored.judge(pair, decoding=decoding)
    assert isinstance(outcome, Verdict)
    assert (outcome.scores, outcome.flipped) == ((5.0, 5.0), True)
    await store.flush()
    assert await stored.judge(pair, decoding=decoding) == (outcome, True)
    _, cached = await stored.judge(pair.swapped(), decoding=decoding)
    assert not cached
