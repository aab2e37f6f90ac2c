"""A run that is killed, or whose server is, goes on and comes to the same end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from reward.server import create_app
from tests.conftest import ROOT
from tests.reward.harness import LiveServer
from tests.rl_recipes.engine import counting_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
STEPS = 6


@pytest.fixture
def judging(tmp_path: Path) -> Iterator[LiveServer]:
    judge = counting_judge(tmp_path / "judge")
    found = LiveServer(lambda: create_app(judge))
    found.start()
    yield found
    found.stop()


def command(out: Path, url: str) -> list[str]:
    options = {
        "output_dir": out,
        "reward_url": url,
        "max_steps": STEPS,
        "save_steps": 2,
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 24,
        "train_rows": 16,
        "eval_rows": 4,
        "watch_rows": 2,
        "watch_steps": 2,
        "max_caption_tokens": 24,
        "save_dtype": "float32",
        "reward_deadline_s": 300,
        "disable_tqdm": True,
    }
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", "rl_recipes.cli", "grpo", "captioning-grpo-nano", *given]


@contextmanager
def started(out: Path, url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run as a process, which does not outlive the test."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("a") as output:
        process = subprocess.Popen(
            command(out, url), stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def finish(out: Path, url: str, log: Path) -> None:
    with started(out, url, log) as process:
        assert process.wait(1500) == 0, log.read_text()[-3000:]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    while not condition():
        assert process.poll() is None, f"ended too early:\n{log.read_text()[-3000:]}"
        time.sleep(0.05)


def logged(out: Path) -> list[dict[str, Any]]:
    """What the steps logged, without what differs from run to run: times."""
    path = out / "history.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    timed = ("time", "runtime", "per_second")
    return [{k: v for k, v in row.items() if not any(t in k for t in timed)} for row in rows]


def test_a_killed_trainer_goes_on_from_its_checkpoint(judging: LiveServer, tmp_path: Path) -> None:
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    finish(whole, judging.url, log)
    state = killed / "checkpoint-2" / "trainer_state.json"

    def is_beyond_it() -> bool:
        return state.exists() and any(row["step"] == 3 for row in logged(killed))

    with started(killed, judging.url, log) as process:
        wait_for(is_beyond_it, process, log)
        process.kill()
    assert not (killed / "summary.json").exists()
    finish(killed, judging.url, log)
    # The same pictures in the same order, the same sampled captions, the same optimizer.
    assert [row["step"] for row in logged(killed)] == [row["step"] for row in logged(whole)]
    for row, expected in zip(logged(killed), logged(whole), strict=True):
        for name in ("reward", "loss", "watch/true_accuracy"):
            assert row.get(name) == pytest.approx(expected.get(name), abs=1e-3), (row, expected)
    weights, expected_weights = (
        load_file(out / "policy" / "model.safetensors") for out in (killed, whole)
    )
    for name, tensor in expected_weights.items():
        assert weights[name].allclose(tensor, atol=1e-3), name
    summaries = [json.loads((out / "summary.json").read_text()) for out in (killed, whole)]
    assert summaries[0]["true_accuracy_after"] == pytest.approx(
        summaries[1]["true_accuracy_after"], abs=0.05
    )


def test_a_server_that_comes_back_is_waited_for(judging: LiveServer, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    with started(out, judging.url, log) as process:
        wait_for(lambda: any("reward" in row for row in logged(out)), process, log)
        judging.stop()
        time.sleep(3)
        judging.start()
        assert process.wait(1500) == 0, log.read_text()[-3000:]
    rewarded = [row for row in logged(out) if "reward" in row]
    assert len(rewarded) == STEPS
    assert all(row["caption/unjudged_rate"] == 0 for row in rewarded), "nothing was lost"


def test_a_folder_of_another_run_is_refused(judging: LiveServer, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    finish(out, judging.url, log)
    other = [*command(out, judging.url), "--learning_rate", "1e-5"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        other, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "learning_rate was 0.0002 and is 1e-05" in done.stderr
