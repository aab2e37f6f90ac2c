"""What is guarded ends with its starter, whatever ends that one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

GUARDED = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def command(script: str = GUARDED) -> list[str]:
    return [sys.executable, "-m", "rl_recipes.guard", sys.executable, "-c", script]


@pytest.fixture
def guard() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command(), stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def guarded(guard: subprocess.Popen[str]) -> int:
    """Process id of what it guards, once that runs."""
    assert guard.stdout is not None
    return int(guard.stdout.readline())


def test_the_end_of_the_pipe_ends_it(guard: subprocess.Popen[str]) -> None:
    pid = guarded(guard)
    guard.communicate(timeout=10)
    assert guard.returncode == -signal.SIGTERM % 256
    assert not is_running(pid)


def test_a_signal_is_passed_on(guard: subprocess.Popen[str]) -> None:
    pid = guarded(guard)
    guard.terminate()
    guard.wait(10)
    assert not is_running(pid)


def test_a_killed_starter_leaves_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    starter = (
        "import subprocess, time; "
        f"subprocess.Popen({command()!r}, stdin=subprocess.PIPE, start_new_session=True); "
        "time.sleep(60)"
    )
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-c", starter], stdout=output, cwd=ROOT)
    try:
        wait_until(lambda: log.read_text().endswith("\n"))
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not is_running(int(log.read_text())))


def test_its_status_is_that_of_the_command() -> None:
    ended = command("raise SystemExit(3)")
    with subprocess.Popen(ended, stdin=subprocess.PIPE, cwd=ROOT) as process:
        assert process.wait(20) == 3


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
