"""TRL's own ways in: the ``trl grpo`` command, and RLOO, rewarded by the real judge."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import RLOOConfig, RLOOTrainer

from judge.folder import embedded_checkpoint
from reward.adapters.trl import JudgeReward
from rl_recipes.captioning.data import training_pictures
from tests.live import LiveJudge

pytestmark = pytest.mark.engine
CAPTIONER = embedded_checkpoint("nano-captioner")


@pytest.mark.timeout(600)
def test_the_trl_command_takes_the_reward_by_its_dotted_path(
    live: LiveJudge, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    training_pictures(8, seed=0).to_parquet(data / "train.parquet")
    command = shlex.split(
        "trl grpo --reward_funcs reward.adapters.trl.judge_reward --max_steps 2 --logging_steps 1 "
        "--per_device_train_batch_size 8 --num_generations 4 --max_completion_length 64 "
        "--dtype float32 --bf16 false --use_cpu true --report_to none --save_strategy no "
        "--gradient_checkpointing false --disable_tqdm true"
    )
    command += ["--model_name_or_path", str(CAPTIONER), "--dataset_name", str(data)]
    command += ["--output_dir", str(tmp_path / "out")]
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        env={
            **os.environ,
            "FLEXREWARD_URL": live.url,
            "FLEXREWARD_RUBRIC": "captioning",
            "HF_HOME": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    logged = [ast.literal_eval(line) for line in done.stdout.splitlines() if line[:2] == "{'"]
    means = [float(row["rewards/judge_reward/mean"]) for row in logged if "reward" in row]
    assert len(means) == 2, done.stdout[-2000:]
    assert all(0 < mean < 1 for mean in means), means
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_rloo_trains_on_the_reward(live: LiveJudge, tmp_path: Path) -> None:
    trainer: Any = RLOOTrainer(
        model=AutoModelForImageTextToText.from_pretrained(CAPTIONER, dtype=torch.float32),
        args=RLOOConfig(
            output_dir=str(tmp_path),
            max_steps=2,
            logging_steps=1,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=64,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            dataloader_pin_memory=False,
        ),
        reward_funcs=JudgeReward(url=live.url, rubric="captioning", deadline_s=120),
        train_dataset=training_pictures(8, seed=0),
        processing_class=AutoProcessor.from_pretrained(CAPTIONER),
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "reward" in row]
    assert len(logged) == 2
    for row in logged:
        assert 0 < row["reward"] < 1
        assert 0 <= row["judge/unjudged_rate"] < 1
