"""Killed at any moment and run again: nothing is judged twice, nothing is missing, same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.reward.label.killing import (
    answered,
    check_whole,
    finish,
    kill_when,
    prepare,
    run_undisturbed,
    start,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"))


def killed_and_finished(folder: Path, undisturbed: Path, seed: int, kills: int) -> None:
    prepare(folder, undisturbed)
    rng = random.Random(seed)
    total = len(answered(undisturbed))
    moments = sorted(rng.sample(range(1, total - 10), kills))
    killed = 0
    for moment in moments:
        killed += kill_when(start(folder), lambda: len(answered(folder)) >= moment)  # noqa: B023
    assert killed >= max(1, kills - 1)
    finish(folder)
    check_whole(folder, undisturbed, killed)


def test_killed_while_judging(tmp_path: Path, undisturbed: Path) -> None:
    killed_and_finished(tmp_path, undisturbed, seed=1, kills=1)


@pytest.mark.slow
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
