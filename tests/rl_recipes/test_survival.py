"""A run that is killed, or whose server is, goes on and comes to the same end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from judge.sft.train.command import CONFIGS
from reward.server import create_app
from rl_recipes.command import Method
from tests.conftest import ROOT
from tests.reward.harness import LiveServer
from tests.rl_recipes.engine import counting_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
STEPS = 6
ZERO3 = CONFIGS / "accelerate" / "zero3-cpu.yaml"


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    judge = counting_judge(tmp_path_factory.mktemp("judge"))
    found = LiveServer(lambda: create_app(judge))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def whole(judging: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    finish(folder / "out", judging.url, folder / "log")
    return folder / "out"


def options(out: Path, url: str, method: Method = "grpo", **more: object) -> list[str]:
    of_method: dict[Method, dict[str, object]] = {
        "grpo": {"num_generations": 4, "max_completion_length": 24, "train_rows": 16},
        "dpo": {"max_answer_tokens": 24, "train_rows": 32, "rounds": 2},
    }
    told: dict[str, object] = {
        "output_dir": out,
        "reward_url": url,
        "max_steps": STEPS,
        "save_steps": 2,
        "per_device_train_batch_size": 8,
        "eval_rows": 4,
        "watch_rows": 2,
        "watch_steps": 2,
        "max_caption_tokens": 24,
        "save_dtype": "float32",
        "reward_deadline_s": 300,
        "disable_tqdm": True,
        **of_method.get(method, of_method["grpo"]),
        **more,
    }
    given = [text for name, value in told.items() for text in (f"--{name}", str(value))]
    config = "captioning-dpo-nano" if method == "dpo" else "captioning-grpo-nano"
    return ["-m", "rl_recipes.cli", method, config, *given]


@contextmanager
def started(told: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run as a process, which does not outlive the test."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *told],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def finish(out: Path, url: str, log: Path, method: Method = "grpo", **more: object) -> None:
    with started(options(out, url, method, **more), log) as process:
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


def is_at(out: Path, step: int) -> bool:
    return any(row["step"] == step for row in logged(out))


def assert_same(out: Path, whole: Path) -> None:
    """The same pictures in the same order, the same sampled captions, the same optimizer."""
    assert [row["step"] for row in logged(out)] == [row["step"] for row in logged(whole)]
    for row, expected in zip(logged(out), logged(whole), strict=True):
        for name in ("reward", "loss", "watch/true_accuracy"):
            assert row.get(name) == pytest.approx(expected.get(name), abs=1e-3), (row, expected)
    weights, expected_weights = (
        load_file(folder / "policy" / "model.safetensors") for folder in (out, whole)
    )
    for name, tensor in expected_weights.items():
        assert weights[name].allclose(tensor, atol=1e-3), name
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (out, whole)]
    accuracies = [each.get("true_accuracy_after") for each in summaries]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.05)


def test_a_killed_trainer_goes_on_from_its_checkpoint(
    judging: LiveServer, whole: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    state = out / "checkpoint-2" / "trainer_state.json"
    with started(options(out, judging.url), log) as process:
        wait_for(lambda: state.exists() and is_at(out, 3), process, log)
        process.kill()
    assert not (out / "summary.json").exists()
    finish(out, judging.url, log)
    assert_same(out, whole)


def test_dpo_killed_in_any_stage_of_any_round_goes_on(judging: LiveServer, tmp_path: Path) -> None:
    whole, out, log = tmp_path / "whole", tmp_path / "out", tmp_path / "log"
    finish(whole, judging.url, log, "dpo")
    first = out / "round-1"
    stages: list[Callable[[], bool]] = [
        (first / "pairs" / "answers").is_dir,  # sampling
        lambda: (first / "checkpoint-2" / "trainer_state.json").exists() and is_at(first, 3),
        (first / "policy" / "config.json").exists,  # saving
        (out / "pairs" / "labels.jsonl").exists,  # labelling
        lambda: (out / "checkpoint-2" / "trainer_state.json").exists() and is_at(out, 3),
    ]
    for is_reached in stages:
        with started(options(out, judging.url, "dpo"), log) as process:
            wait_for(is_reached, process, log)
            process.kill()
        assert not (out / "summary.json").exists()
    finish(out, judging.url, log, "dpo")
    assert_same(first, whole / "round-1")
    assert_same(out, whole)


def test_a_server_that_comes_back_is_waited_for(
    judging: LiveServer, whole: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    with started(options(out, judging.url), log) as process:
        wait_for(lambda: any("reward" in row for row in logged(out)), process, log)
        judging.stop()
        time.sleep(3)
        judging.start()
        assert process.wait(1500) == 0, log.read_text()[-3000:]
    rewarded = [row for row in logged(out) if "reward" in row]
    assert len(rewarded) == STEPS
    assert all(row["caption/unjudged_rate"] == 0 for row in rewarded), "nothing was lost"
    assert_same(out, whole)


def test_a_run_whose_server_is_gone_ends_and_goes_on(
    judging: LiveServer, whole: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    hurried = {"reward_deadline_s": 5}
    with started(options(out, judging.url, **hurried), log) as process:
        wait_for(lambda: is_at(out, 3), process, log)
        judging.stop()
        try:
            assert process.wait(1500) == 2
        finally:
            judging.start()
    assert "not one sample was judged" in log.read_text()
    assert not (out / "policy").exists()
    finish(out, judging.url, log, **hurried)
    assert_same(out, whole)


def test_a_folder_of_another_run_is_refused(
    judging: LiveServer, whole: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with started(options(whole, judging.url, learning_rate=1e-5), log) as process:
        assert process.wait(600) == 2
    assert "learning_rate was 0.0002 and is 1e-05" in log.read_text()


def test_zero3_among_two_processes(judging: LiveServer, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(ZERO3)]
    halved = {"per_device_train_batch_size": 4, "max_steps": 2}
    with started([*launcher, *options(out, judging.url, **halved)], log) as process:
        assert process.wait(1500) == 0, log.read_text()[-3000:]
    steps = [row for row in logged(out) if "reward" in row]
    assert [row["step"] for row in steps] == [1, 2]
    assert all(0 < row["reward"] <= 1 for row in steps)
    assert [row["step"] for row in logged(out) if "watch/words" in row] == [0, 2]
    with started(options(out, judging.url, "evaluate", **halved), log) as process:
        assert process.wait(600) == 0, log.read_text()[-3000:]
    assert json.loads((out / "summary.json").read_text())["true_accuracy_after"] > 0
