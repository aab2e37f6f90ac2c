"""The same job on Ray, with two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.reward.label.killing import (
    answered,
    check_whole,
    kill,
    outputs,
    prepare,
    run_undisturbed,
    start,
)

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
RUN_S = 800.0
"""For a machine that is busy with something else; half a minute, if it is not."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"))


def workers(folder: Path) -> list[int]:
    """Processes in which a judge was made, the driver's aside."""
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("asked.pid-*"))


def test_two_workers_make_the_same_bytes(tmp_path: Path, undisturbed: Path) -> None:
    prepare(tmp_path, undisturbed)
    process = start(tmp_path, "2")
    try:
        assert process.wait(RUN_S) == 0, (tmp_path / "output").read_text()[-3000:]
    finally:
        kill(process)
    assert len(workers(tmp_path)) == 3  # the driver reads the judge's fingerprint
    check_whole(tmp_path, undisturbed, kills=0)


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path, undisturbed: Path) -> None:
    prepare(tmp_path, undisturbed)
    process = start(tmp_path, "2")
    try:
        end = time.monotonic() + RUN_S
        total = len(answered(undisturbed))
        while len(workers(tmp_path)) < 3 or len(answered(tmp_path)) < total // 4:
            assert process.poll() is None, (tmp_path / "output").read_text()[-3000:]
            assert time.monotonic() < end
            time.sleep(0.005)
        victim = next(pid for pid in workers(tmp_path) if pid != process.pid)
        os.kill(victim, signal.SIGKILL)
        assert process.wait(RUN_S) == 0, (tmp_path / "output").read_text()[-3000:]
    finally:
        kill(process)
    assert outputs(tmp_path) == outputs(undisturbed)
    check_whole(tmp_path, undisturbed, kills=1)
