"""Training to its last step and no further, also where it is gone on with."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments


def train_to_end(trainer: Trainer, checkpoint: str | None) -> None:
    """Trains, from the checkpoint on if there is one.

    Where the checkpoint is that of the last step, transformers makes a step more, or sums up again;
    here its weights are taken as they are.
    """
    trainer.add_callback(_EndComplete())
    with suppress(_CompleteError):
        trainer.train(resume_from_checkpoint=checkpoint)


class _CompleteError(Exception):
    """The last step was made before."""


class _EndComplete(TrainerCallback):
    """Leaves the loop behind the loading of a complete checkpoint: no control flag does so."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step >= state.max_steps:
            raise _CompleteError
