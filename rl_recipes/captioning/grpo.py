"""GRPO of a captioner on the judge's reward alone, by TRL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import GRPOConfig, GRPOTrainer

from judge.sft.train.checkpoints import last_whole_checkpoint
from judge.sft.train.names import take_names_of_files
from reward.adapters.trl import JudgeReward
from rl_recipes.captioning.data import HeldOut, training_pictures
from rl_recipes.captioning.evaluate import MAX_NEW_TOKENS, true_accuracy, write_captions


@dataclass(frozen=True, slots=True)
class GrpoPlan:
    """Sizes of the run. A step takes ``prompts`` pictures with ``group`` captions each."""

    steps: int = 100
    prompts: int = 6
    group: int = 8
    learning_rate: float = 2e-4
    pictures: int = 1000
    watch_every: int = 20
    """Steps between looks at the true accuracy, which the reward never sees."""
    save_every: int = 50
    seed: int = 0


def train(
    policy: str | Path, plan: GrpoPlan, url: str, folder: Path, watched: Sequence[HeldOut]
) -> tuple[Any, Any]:
    """Trains; goes on from the last checkpoint in ``folder``. Returns (model, processor).

    Writes ``history.jsonl``: a line a logged step, with TRL's metrics and, every
    ``watch_every`` steps, ``true_accuracy`` on ``watched``.
    """
    processor = AutoProcessor.from_pretrained(policy)
    model = AutoModelForImageTextToText.from_pretrained(policy, dtype=torch.float32)
    take_names_of_files(model)
    batch = plan.prompts * plan.group
    config = GRPOConfig(
        output_dir=str(folder / "checkpoints"),
        max_steps=plan.steps,
        per_device_train_batch_size=batch,
        num_generations=plan.group,
        max_completion_length=MAX_NEW_TOKENS,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=5,
        temperature=1.0,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=1,
        save_steps=plan.save_every,
        save_total_limit=1,
        report_to="none",
        seed=plan.seed,
        dataloader_pin_memory=False,
    )
    trainer = GRPOTrainer(
        model=model,
        args=config,
        reward_funcs=JudgeReward(url=url, rubric="captioning", deadline_s=120),
        train_dataset=training_pictures(plan.pictures, plan.seed),
        processing_class=processor,
        callbacks=[_History(folder / "history.jsonl", plan.watch_every, processor, watched)],
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(folder / "checkpoints"))
    return trainer.model, processor


class _History(TrainerCallback):
    """Writes what is logged, and the true accuracy beside it."""

    def __init__(self, path: Path, every: int, processor: Any, watched: Sequence[HeldOut]) -> None:
        self._path = path
        self._every = every
        self._processor = processor
        self._watched = watched

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drops lines behind the checkpoint that training goes on from; they will come again."""
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()  # a kill may have torn the last line
        kept = [line for line in whole if json.loads(line)["step"] <= state.global_step]
        renewed = self._path.with_suffix(".partial")
        renewed.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        renewed.replace(self._path)
        if not kept:
            self._watch(state.global_step, kwargs["model"])

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._append({"step": state.global_step, **(logs or {})})

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step % self._every == 0:
            self._watch(state.global_step, kwargs["model"])

    def _watch(self, step: int, model: Any) -> None:
        captions = write_captions(model, self._processor, [row.picture for row in self._watched])
        self._append({"step": step, "true_accuracy": true_accuracy(self._watched, captions)})

    def _append(self, row: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
