"""A full disk: a real one, of four MiB in main memory, which root may mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reward import RewardClient
from tests.faults.asking import at_least, gauge, samples
from tests.faults.conftest import Start
from tests.reward.store.cases import rows


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    path = tmp_path / "disk"
    path.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


async def test_a_full_disk_costs_no_reward(start: Start, disk: Path) -> None:
    """The run sees: nothing. Neither store nor log can be written; what was judged meanwhile is
    written once there is room.
    """
    server = start("--store", str(disk / "verdicts.db"), log=disk / "log")
    async with RewardClient(server.url) as client:
        await client.rewards(samples(8, "before"), rubric="captioning")
        await gauge(server, "flexreward_store_written_total", 8)
        fill(disk / "ballast")
        long = samples(64, "full", "score=7 " + "x" * 4000)
        for _ in range(2):
            rewards = await client.rewards(long, rubric="captioning")
            assert all(each.value is not None for each in rewards)
        await at_least(server, "flexreward_store_failures_total", 1)
        (disk / "ballast").unlink()
        await gauge(server, "flexreward_store_written_total", 72)
        rewards = await client.rewards(long, rubric="captioning")
    assert server.metric("flexreward_store_lost_total") == 0
    assert server.judged.total() == len(rows(disk / "verdicts.db")) == 72


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"\0" * 4096)
        except OSError:  # no space left
            return
