"""A run's process does not outlive the command that started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

_STARTS_A_RUN = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from judge.sft.ablate.runs import end_with_parent

spawn = multiprocessing.get_context("spawn")
with ProcessPoolExecutor(1, spawn, initializer=end_with_parent) as process:
    print(process.submit(os.getpid).result(), flush=True)
    process.submit(time.sleep, 600).result()
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # gone, and not yet asked after


def test_a_run_ends_when_its_command_is_killed() -> None:
    root = Path(__file__).parents[4]
    with subprocess.Popen(
        [sys.executable, "-c", _STARTS_A_RUN], cwd=root, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        pid = int(command.stdout.readline())
        assert is_running(pid)
        command.kill()
        give_up = time.monotonic() + 60
        while is_running(pid) and time.monotonic() < give_up:
            time.sleep(0.1)
        assert not is_running(pid), f"process {pid} went on without its command"
