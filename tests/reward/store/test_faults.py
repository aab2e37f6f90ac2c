"""What happens to a store, and what the judging beside it notices: nothing but lost hits."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from judge import Judge, Verdict
from reward.store.codec import decode_outcome
from reward.store.settings import StoreSettings
from reward.store.stored_judge import StoredJudge
from reward.store.verdict_store import VerdictStore
from tests.reward.harness import TestEngine, eventually
from tests.reward.store.cases import attempt, question, request, rows, verdict
from tests.reward.store.postgres import Postgres

ROOT = Path(__file__).parents[3]
QUICK = StoreSettings(lookup_s=120.0, retry_s=0.05)

# Writes for ever, and says how many verdicts are committed.
WRITE = textwrap.dedent("""
    import asyncio, sys
    from reward.store.verdict_store import VerdictStore
    from tests.reward.store.cases import attempt

    async def main():
        store = VerdictStore(sys.argv[1])
        number = 0
        while True:
            for _ in range(50):
                store.add(attempt(f"{sys.argv[2]} {number}" + "x" * 5000))
                number += 1
            await store.flush()
            print(store.counts.written, flush=True)

    asyncio.run(main())
""")


def writer(location: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITE, location, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_writers_killed_in_the_middle_leave_whole_rows(location: str) -> None:
    processes = [writer(location, name) for name in ("one", "two")]
    written = 0
    for process in processes:
        assert process.stdout is not None
        for _ in range(3):
            committed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        rest = process.stdout.read().split()
        process.stdout.close()
        written += int(rest[-1]) if rest else committed
    found = rows(location)
    assert len(found) >= written
    assert all(decode_outcome(row.outcome) == verdict() for row in found)
    if not location.startswith("postgresql"):
        with sqlite3.connect(location) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process that writes for long."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


async def test_a_locked_file_delays_writing_and_nothing_else(tmp_path: Path, judge: Judge) -> None:
    async with VerdictStore(tmp_path / "v.db", QUICK) as store:
        stored = StoredJudge(judge, store)
        with locked(tmp_path / "v.db"):
            outcome, _ = await stored.judge(request("score=7"))
            assert isinstance(outcome, Verdict)
            assert await stored.judge(request("score=7")) == (outcome, True)
            assert store.counts.written == 0
        await store.flush()
        assert store.counts.written == 1


async def test_what_does_not_fit_into_memory_is_lost_and_counted(tmp_path: Path) -> None:
    settings = StoreSettings(max_waiting=5, retry_s=0.05)
    async with VerdictStore(tmp_path / "v.db", settings) as store:
        with locked(tmp_path / "v.db"):
            store.add(attempt("in hand"))
            await asyncio.sleep(0.5)  # the writer has it, and waits for the file
            for number in range(8):
                store.add(attempt(str(number)))
            assert store.counts.lost == 3
        await store.flush()
        assert store.counts.written == 6
        assert await store.find(question("7").key) is None


async def test_a_full_disk_costs_no_reward(tmp_path: Path, judge: Judge) -> None:
    path = tmp_path / "v.db"
    async with VerdictStore(path, QUICK) as store:
        stored = StoredJudge(judge, store)
        _limit_pages(store, 20)
        outcomes = [await stored.judge(request(f"score=7 {'x' * 9000} {n}")) for n in range(20)]
        assert all(isinstance(outcome, Verdict) for outcome, _ in outcomes)
        await eventually(lambda: store.counts.failures > 1)
        assert store.counts.lost == 0
        _limit_pages(store, 1_000_000)
        await store.flush()
        assert store.counts.written == 20


def _limit_pages(store: VerdictStore, pages: int) -> None:
    """How large SQLite lets the file become: it fails as on a full disk."""
    from sqlalchemy import event

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    store._engine.dispose()
    event.listen(store._engine, "connect", limit)


async def test_closing_a_store_that_fails_loses_what_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = VerdictStore(tmp_path / "v.db", QUICK)
    _limit_pages(store, 1)
    store.add(attempt("x" * 9000))
    await store.close()
    assert store.counts.lost == 1
    assert "1 judgements are not in the verdict store" in caplog.text


async def test_a_broken_row_is_judged_anew(
    tmp_path: Path, judge: Judge, engine: TestEngine
) -> None:
    async with VerdictStore(tmp_path / "v.db", QUICK) as store:
        stored = StoredJudge(judge, store)
        await stored.judge(request("score=7"))
        await store.flush()
        with sqlite3.connect(tmp_path / "v.db") as connection:
            connection.execute("UPDATE flexreward_verdicts SET outcome = '{'")
        connection.close()
        outcome, cached = await stored.judge(request("score=7"))
        assert isinstance(outcome, Verdict)
        assert not cached
        assert store.counts.failures == 1
        await asyncio.sleep(2 * QUICK.retry_s)
        await store.flush()
        assert await stored.judge(request("score=7")) == (outcome, True)


async def test_postgresql_killed_and_back_again(
    postgres: Postgres, judge: Judge, engine: TestEngine
) -> None:
    async with VerdictStore(postgres.new_database(), QUICK) as store:
        stored = StoredJudge(judge, store)
        await stored.judge(request("score=1"))
        await store.flush()
        postgres.kill()
        for score in (1, 2, 3):
            outcome, cached = await stored.judge(request(f"score={score}"))
            assert isinstance(outcome, Verdict)
            assert not cached
        assert await stored.judge(request("score=3")) == (outcome, True)  # from memory
        assert store.counts.failures > 0
        await asyncio.to_thread(postgres.start)
        await store.flush()
        assert (store.counts.written, store.counts.lost) == (4, 0)
        await asyncio.sleep(2 * QUICK.retry_s)
        _, cached = await stored.judge(request("score=2"))
        assert cached


async def test_a_hanging_postgresql_delays_one_round_of_lookups(
    postgres: Postgres, judge: Judge
) -> None:
    async with VerdictStore(postgres.new_database(), StoreSettings(lookup_s=0.5)) as store:
        stored = StoredJudge(judge, store)
        with postgres.stopped():
            loop = asyncio.get_running_loop()
            start = loop.time()
            await asyncio.gather(*(stored.judge(request(f"score=5 {n}")) for n in range(50)))
            for n in range(50):
                await stored.judge(request(f"score=6 {n}"))
            assert loop.time() - start < 25  # half a second, and room for a busy machine
            assert store.counts.failures > 0
        await store.flush()
        assert store.counts.written == 100
