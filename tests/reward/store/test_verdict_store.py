from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from judge.verdicts import Reason
from reward.store.attempt import Attempt, Labels
from reward.store.retention import Retention
from reward.store.settings import StoreSettings
from reward.store.verdict_store import VerdictStore
from tests.reward.store.cases import PATIENT, attempt, question, rows, unjudged, verdict


async def test_a_verdict_is_found_before_and_after_it_is_written(location: str) -> None:
    async with VerdictStore(location, PATIENT) as store:
        assert await store.find(question().key) is None
        store.add(attempt())
        assert await store.find(question().key) == verdict()
        await store.flush()
        assert await store.find(question().key) == verdict()
        assert await store.find(question("score=3").key) is None
        assert (store.counts.hits, store.counts.misses) == (2, 2)
        assert (store.counts.written, store.counts.lost, store.counts.failures) == (1, 0, 0)
    async with VerdictStore(location, PATIENT) as store:
        assert await store.find(question().key) == verdict()


async def test_what_was_not_judged_is_recorded_and_never_found(location: str) -> None:
    async with VerdictStore(location, PATIENT) as store:
        for reason in Reason:
            store.add(attempt(outcome=unjudged(reason)))
        assert await store.find(question().key) is None
        await store.flush()
        assert await store.find(question().key) is None
        store.add(attempt())
        store.add(attempt(outcome=unjudged()))
        await store.flush()
        assert await store.find(question().key) == verdict()
    reasons = [*map(str, Reason), None, "no_answer"]
    assert [row.reason for row in rows(location)] == reasons


async def test_attempts_are_appended_and_the_latest_verdict_is_found(location: str) -> None:
    async with VerdictStore(location, PATIENT) as store:
        for score in (2.0, 3.0):
            store.add(attempt(outcome=verdict(score)))
            await store.flush()
        assert await store.find(question().key) == verdict(3.0)
    assert [row.score for row in rows(location)] == [2.0, 3.0]


async def test_what_comes_together_is_written_together_and_a_flush_does_not_wait_for_more(
    location: str,
) -> None:
    async with VerdictStore(location, replace(PATIENT, gather_s=3600)) as store:
        for score in (2.0, 3.0):
            store.add(attempt(outcome=verdict(score)))
        await asyncio.sleep(0.2)
        assert rows(location) == []
        async with asyncio.timeout(60):
            await store.flush()
        assert [row.score for row in rows(location)] == [2.0, 3.0]
        store.add(attempt())  # written by the end of the store, which does not wait either
    assert len(rows(location)) == 3


async def test_every_column(location: str) -> None:
    asked = replace(question(), request=replace(question().request, id="n7"))
    made = Attempt(asked, verdict(10.0), Labels("grpo-7", 12), 0.5, 1.5, created_at=1e9)
    async with VerdictStore(location, PATIENT) as store:
        store.add(made)
        store.count_served(asked.key)
        store.count_served(asked.key)
        await store.flush()
        store.count_served(asked.key)
    (row,) = rows(location)
    assert row._mapping == {
        "id": row.id,
        "created_at": 1e9,
        "key": question().key,
        "judge": "judge-1",
        "rubric": asked.request.rubric.fingerprint(),
        "protocol": "pointwise",
        "run": "grpo-7",
        "step": 12,
        "reason": None,
        "score": 10.0,
        "reward": 1.0,
        "flipped": None,
        "reasks": 0,
        "prompt_tokens": 11,
        "completion_tokens": 5,
        "cached_tokens": 3,
        "queued_s": 0.5,
        "judged_s": 1.5,
        "served": 3,
        "size": 320 + len(row.request) + len(row.outcome),
        "request": row.request,
        "outcome": row.outcome,
    }
    assert '"id":"n7"' in row.request


async def test_several_candidates_have_no_one_reward(location: str) -> None:
    async with VerdictStore(location, PATIENT) as store:
        store.add(attempt(outcome=replace(verdict(), scores=(1.0, 2.0), flipped=True)))
        store.add(attempt(outcome=unjudged()))
    both, none = rows(location)
    assert (both.score, both.reward, both.flipped) == (None, None, True)
    assert (none.score, none.reward, none.flipped) == (None, None, None)


async def test_texts_that_databases_do_not_hold(location: str) -> None:
    awkward = replace(verdict(), reasoning="\0 \ud800 \U0001f600", reply="\0")
    async with VerdictStore(location, PATIENT) as store:
        store.add(attempt("\0\udfff", awkward))
        await store.flush()
        assert store.counts.written == 1
        assert await store.find(question("\0\udfff").key) == awkward


async def test_only_verdicts_that_are_asked_for_at_once_share_a_query(location: str) -> None:
    texts = [f"score={score}" for score in range(1000)]
    async with VerdictStore(location, PATIENT) as store:
        for score in range(0, 1000, 2):
            store.add(attempt(texts[score], verdict(score)))
        await store.flush()
        found = await asyncio.gather(*(store.find(question(text).key) for text in texts))
        assert store.counts.failures == 0
    expected = [verdict(score) if score % 2 == 0 else None for score in range(1000)]
    assert found == expected


async def test_a_cancelled_lookup_leaves_the_others(location: str) -> None:
    async with VerdictStore(location, PATIENT) as store:
        store.add(attempt())
        await store.flush()
        lookups = [asyncio.create_task(store.find(question().key)) for _ in range(3)]
        await asyncio.sleep(0)
        lookups[0].cancel()
        assert await asyncio.gather(*lookups[1:]) == [verdict()] * 2
        with pytest.raises(asyncio.CancelledError):
            await lookups[0]


async def test_closing_writes_what_waits_and_may_be_done_twice(location: str) -> None:
    store = VerdictStore(location, PATIENT)
    for number in range(600):
        store.add(attempt(f"score={number}"))
    await store.close()
    await store.close()
    assert len(rows(location)) == 600
    store.add(attempt())
    assert store.counts.lost == 1


async def test_two_stores_on_one_database(location: str) -> None:
    async with VerdictStore(location, PATIENT) as one, VerdictStore(location, PATIENT) as other:
        for number in range(200):
            one.add(attempt(f"one {number}"))
            other.add(attempt(f"other {number}"))
            other.count_served(question(f"one {number}").key)
        await asyncio.gather(one.flush(), other.flush())
        assert one.counts.failures == other.counts.failures == 0
        assert await other.find(question("one 7").key) == verdict()
    assert len(rows(location)) == 400


async def test_a_store_prunes_itself_at_the_start(tmp_path: Path) -> None:
    async with VerdictStore(tmp_path / "v.db") as store:
        store.add(attempt("old", created_at=1e9))
        store.add(attempt("new"))
    settings = StoreSettings(Retention(max_age_s=3600))
    async with VerdictStore(tmp_path / "v.db", settings):
        pass
    (row,) = rows(tmp_path / "v.db")
    assert row.key == question("new").key


@pytest.mark.parametrize(
    ("run", "step"), [("r" * 201, None), ("a\0b", None), ("a\nb", None), ("", -1), ("", 2**63)]
)
def test_labels_that_are_none(run: str, step: int | None) -> None:
    with pytest.raises(ValueError, match=r"a run is named|a step is"):
        Labels(run, step)
