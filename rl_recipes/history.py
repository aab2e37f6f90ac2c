"""What a run logged, in a file, and looks at the policy that no reward sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.models import unwrap_model_for_generation

HISTORY = "history.jsonl"
"""The file in a run's folder."""
WATCH = "watch/"
"""Before the name of each figure that is watched."""
REWARDS = {"reward": "reward", "rewards/accuracies": "share of pairs told right"}
"""By which name TRL logs how GRPO goes, or else how DPO does, and what it is."""


def read_history(path: Path) -> list[dict[str, Any]]:
    """What was logged, a dictionary a time, each with its ``step``; empty without the file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def joined_histories(histories: Iterable[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Histories of trainings that followed each other, their steps counted on."""
    joined: list[dict[str, Any]] = []
    for history in histories:
        before = last_step(joined)
        joined += [{**row, "step": before + row["step"]} for row in history]
    return joined


def last_step(history: Sequence[Mapping[str, Any]]) -> int:
    """The last step that was logged; 0 without any."""
    return max((row["step"] for row in history), default=0)


class History(TrainerCallback):
    """Writes what the trainer logs to a file, a line a time, in one process.

    A run that goes on from a checkpoint drops the lines behind it: they will come again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()  # a kill may have torn the last line
        kept = [line for line in whole if json.loads(line)["step"] <= state.global_step]
        renewed = self._path.with_suffix(".partial")
        renewed.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        renewed.replace(self._path)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if state.is_world_process_zero:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": state.global_step, **(logs or {})}) + "\n")


class Watch(TrainerCallback):
    """Looks at the live policy every few steps, and logs the figures wherever the trainer does.

    Args:
        trainer: whose policy.
        every: steps between looks; the first comes before the first step.
        look: from the model to figures by name. Called in every process.
    """

    def __init__(
        self, trainer: Trainer, every: int, look: Callable[[Any], dict[str, float]]
    ) -> None:
        self._trainer = trainer
        self._every = every
        self._look = look

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            self._log(args, control)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step % self._every == 0:
            self._log(args, control)

    def _log(self, args: TrainingArguments, control: TrainerControl) -> None:
        checkpointing: Any = args.gradient_checkpointing_kwargs  # TRL has read its text
        with unwrap_model_for_generation(
            self._trainer.model_wrapped,
            self._trainer.accelerator,
            gradient_checkpointing_kwargs=checkpointing,
        ) as model:
            figures = self._look(model)
        is_step_to_be_logged = control.should_log
        # Not the trainer's own log(), which would give out a step's metrics before it has ended.
        Trainer.log(self._trainer, {f"{WATCH}{name}": value for name, value in figures.items()})
        control.should_log = is_step_to_be_logged  # which that took for done
