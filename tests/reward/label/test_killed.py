"""Killed at any moment and run again: nothing is judged twice, nothing is missing, same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from judge.streaming import AHEAD
from reward.store.database import open_database
from reward.store.table import verdicts
from tests.reward.offline.scripted import scored_rows, write_table

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("labelling.py")
ROWS = 60
CONCURRENCY = 8
FINISH_S = 280.0
"""For a machine that is busy with something else; a second or two, if it is not."""


def command(folder: Path, *more: str) -> list[str]:
    other = folder / "table"
    table = Path(other.read_text()) if other.exists() else folder / "rows.jsonl"
    arguments = [table, folder / "job", folder / "asked", *more]
    return [sys.executable, str(SCRIPT), *map(str, arguments)]


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "output").open("wb") as log:
        return subprocess.Popen(
            command(folder, *more), env=environment, stdout=log, stderr=log, start_new_session=True
        )


def finish(folder: Path, *more: str, limit_s: float = FINISH_S) -> None:
    process = start(folder, *more)
    try:
        assert process.wait(limit_s) == 0, (folder / "output").read_text()[-2000:]
    finally:
        kill(process)


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> bool:
    """Kills it then; returns whether it was still running."""
    end = time.monotonic() + FINISH_S
    while process.poll() is None and not is_time() and time.monotonic() < end:
        time.sleep(0.002)
    return kill(process)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kills it with all its children; returns whether it was still running."""
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return was_running


def answered(folder: Path) -> list[str]:
    """Every question that was answered, as often as it was."""
    log = folder / "asked"
    return log.read_text().splitlines() if log.exists() else []


def outputs(folder: Path) -> dict[str, bytes]:
    """All files that a run makes for others."""
    return {
        path.name: path.read_bytes()
        for path in (folder / "job").iterdir()
        if path.is_file() and "verdicts.db" not in path.name and path.suffix != ".part"
    }


def verdicts_by_key(folder: Path) -> list[int]:
    """How many verdicts the store holds on each question."""
    engine = open_database(folder / "job" / "verdicts.db", create=False)
    by_key = select(func.count()).where(verdicts.c.reason.is_(None)).group_by(verdicts.c.key)
    with engine.connect() as connection:
        counts = list(connection.scalars(by_key))
    engine.dispose()
    return counts


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_table(folder / "rows.jsonl", scored_rows(ROWS))
    finish(folder)
    return folder


def prepare(folder: Path, undisturbed: Path) -> None:
    # The same table by the same path: it is part of the job's settings and of its card.
    (folder / "table").write_text(str(undisturbed / "rows.jsonl"))


def check_whole(folder: Path, undisturbed: Path, kills: int) -> None:
    assert outputs(folder) == outputs(undisturbed)
    # Each verdict was reached once: what is in the store was not judged again.
    assert set(verdicts_by_key(folder)) == {1}
    assert len(verdicts_by_key(folder)) == len(verdicts_by_key(undisturbed))
    # Answered twice is only what a kill caught before it was written, and what has no verdict.
    under_way = kills * AHEAD * CONCURRENCY * 2
    assert len(answered(folder)) <= len(answered(undisturbed)) + under_way


def killed_and_finished(folder: Path, undisturbed: Path, seed: int, kills: int) -> None:
    prepare(folder, undisturbed)
    rng = random.Random(seed)
    total = len(answered(undisturbed))
    moments = sorted(rng.sample(range(1, total - 10), kills))
    killed = 0
    for moment in moments:
        killed += kill_when(start(folder), lambda: len(answered(folder)) >= moment)  # noqa: B023
    assert killed >= kills - 1
    finish(folder)
    check_whole(folder, undisturbed, killed)


def test_killed_while_judging(tmp_path: Path, undisturbed: Path) -> None:
    killed_and_finished(tmp_path, undisturbed, seed=1, kills=3)


def test_killed_while_writing(tmp_path: Path, undisturbed: Path) -> None:
    prepare(tmp_path, undisturbed)
    part = tmp_path / "job" / "unjudged.jsonl.part"
    kill_when(start(tmp_path), part.exists)
    finish(tmp_path)
    check_whole(tmp_path, undisturbed, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_killed_many_times(tmp_path: Path, undisturbed: Path, seed: int) -> None:
    killed_and_finished(tmp_path, undisturbed, seed, kills=8)
