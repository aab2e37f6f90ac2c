"""``flex-judge sft`` as processes: sharded among two of them, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from judge.folder import profile_path
from judge.sft.train.command import CONFIGS
from tests.engine import tiny
from tests.judge.sft.train.curated import curated_file, curated_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent.parent
LOSS_TOLERANCE = 1e-4
"""Relative, of losses in float32: two processes sum the same gradients in another order."""
COMMON = (
    "--per_device_eval_batch_size=4",
    "--learning_rate=1e-3",
    "--logging_steps=1",
    "--gradient_checkpointing=false",
    "--save_dtype=float32",
    "--report_to=none",
    "--disable_tqdm=true",
)


def start(options: list[str], out: Path, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, *launcher, "-m", "judge.cli", "sft", *options]
    return subprocess.Popen(
        [*command, "--output_dir", str(out), *COMMON],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(options: list[str], out: Path, launcher: tuple[str, ...] = ()) -> dict[str, Any]:
    """The report of a run that ends well."""
    process = start(options, out, launcher)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said[-4000:]
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert json.dumps(report["held_out"]) in said, "the last line is the report as JSON"
    return report


def losses(out: Path) -> list[float]:
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_zero3_among_two_processes_trains_as_one_process_does(lora: bool, tmp_path: Path) -> None:
    base, data = tiny.qwen_vl(tmp_path / "base"), tmp_path / "data"
    curated_file(data / "train.jsonl", curated_rows("text", 16))
    held_out = [*curated_rows("text", 2), *curated_rows("text pair", 2)]
    curated_file(data / "validation.jsonl", held_out)
    profile = tmp_path / "short.toml"
    text = profile_path("default").read_text()
    profile.write_text(text.replace("max_tokens = 4096", "max_tokens = 12"))
    options = [f"--data={data}", f"--model_name_or_path={base}", f"--profile={profile}"]
    options += ["--max_steps=4", "--eval_strategy=steps", "--eval_steps=2", "--save_strategy=no"]
    options += ["--use_peft", "--lora_dropout=0", "--merge_adapter"] * lora
    one = run([*options, "--per_device_train_batch_size=4"], tmp_path / "one")
    config = str(CONFIGS / "accelerate" / "zero3-cpu.yaml")
    two = run(
        [*options, "--per_device_train_batch_size=2"],
        tmp_path / "two",
        ("-m", "accelerate.commands.launch", "--config_file", config),
    )
    of_one, of_two = losses(tmp_path / "one"), losses(tmp_path / "two")
    apart = max(abs(a / b - 1) for a, b in zip(of_one, of_two, strict=True))
    print(f"losses of one process {of_one}, of two {of_two}: at most {apart:.1e} apart")
    assert len(of_one) == 4
    assert of_one[0] > of_one[-1]
    assert apart < LOSS_TOLERANCE
    assert two["held_out"] == pytest.approx(one["held_out"], rel=1e-3)
    name = "adapter_model.safetensors" if lora else "model.safetensors"
    merged = load_file(tmp_path / "one" / name)
    sharded = load_file(tmp_path / "two" / name)
    assert merged.keys() == sharded.keys()
    for key, tensor in merged.items():
        assert tensor.shape == sharded[key].shape
        assert (tensor - sharded[key]).abs().max() < 5e-3, key
    assert (tmp_path / "two" / "merged" / "model.safetensors").is_file() == lora


def test_a_killed_run_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    base = tiny.llama(tmp_path / "base")
    data = curated_file(tmp_path / "train.jsonl", curated_rows("text", 40))
    options = [f"--data={data}", f"--model_name_or_path={base}", "--max_steps=60"]
    options += ["--per_device_train_batch_size=8", "--save_steps=4", "--save_total_limit=2"]
    run(options, tmp_path / "whole")
    killed = tmp_path / "killed"
    process = start(options, killed)
    deadline = time.monotonic() + 300
    while not (killed / "checkpoint-8" / "trainer_state.json").is_file():
        assert process.poll() is None, process.communicate()[0][-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (killed / "report.json").exists(), "it was killed on the way"
    report = run(options, killed)
    assert 8 <= report["resumed_from"] < 60
    assert losses(killed) == losses(tmp_path / "whole")
