"""Labelling runs in processes of their own, which are killed and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from judge.streaming import AHEAD
from reward.store.database import open_database
from reward.store.table import verdicts
from tests.reward.label import labelling
from tests.reward.offline.scripted import scored_rows, write_table

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("labelling.py")
ROWS = 60
CONCURRENCY = 8
KILL_S = 280.0
"""For a machine that is busy with something else; a second or two, if it is not."""


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Starts the run, or goes on with it, in a process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), *arguments(folder), *more]
    with (folder / "output").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def finish(folder: Path) -> None:
    """Goes on with the run, to its end."""
    labelling.main(*arguments(folder))


def arguments(folder: Path) -> list[str]:
    other = folder / "table"
    table = Path(other.read_text()) if other.exists() else folder / "rows.jsonl"
    return [str(table), str(folder / "job"), str(folder / "asked")]


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> bool:
    """Kills it then; returns whether it was still running."""
    end = time.monotonic() + KILL_S
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


def run_undisturbed(folder: Path) -> Path:
    """The same job, which nobody disturbs."""
    write_table(folder / "rows.jsonl", scored_rows(ROWS))
    finish(folder)
    return folder


def prepare(folder: Path, undisturbed: Path) -> None:
    """Has the run in that folder label what the undisturbed one labelled."""
    # The same table by the same path: it is part of the job's settings and of its card.
    (folder / "table").write_text(str(undisturbed / "rows.jsonl"))


def check_whole(folder: Path, undisturbed: Path, kills: int) -> None:
    """Whether nothing was lost or judged again by so many kills."""
    assert outputs(folder) == outputs(undisturbed)
    # Each verdict was reached once: what is in the store was not judged again.
    assert set(verdicts_by_key(folder)) == {1}
    assert len(verdicts_by_key(folder)) == len(verdicts_by_key(undisturbed))
    # Answered twice is only what a kill caught before it was written, and what has no verdict.
    under_way = kills * AHEAD * CONCURRENCY * 2
    assert len(answered(folder)) <= len(answered(undisturbed)) + under_way
