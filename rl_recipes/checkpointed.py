"""State of a run that is not the trainer's, saved in its checkpoints and brought back from them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

logger = logging.getLogger(__name__)


class HasState(Protocol):
    """Something with a state that JSON can hold."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Checkpointed(TrainerCallback):
    """Keeps the state of an object with the trainer's checkpoints, one file a process.

    Args:
        name: of the file.
        what: whose state.
    """

    def __init__(self, name: str, what: HasState) -> None:
        self._name = name
        self._what = what

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if control.should_save:  # before the trainer's part, whose end makes the checkpoint whole
            self._write(args, state)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._write(args, state)  # with what the step logged

    def _write(self, args: TrainingArguments, state: TrainerState) -> None:
        path = self._checkpoint(args, state) / self._file(args)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(self._what.state_dict()), encoding="utf-8")
        partial.replace(path)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            return
        resumed = args.resume_from_checkpoint
        path = (Path(resumed) if resumed else self._checkpoint(args, state)) / self._file(args)
        if path.is_file():
            self._what.load_state_dict(json.loads(path.read_text(encoding="utf-8")))
        else:
            logger.warning("%s is not there: the state of %s starts anew", path, self._name)

    def _file(self, args: TrainingArguments) -> str:
        return f"{self._name}-{args.process_index}.json"

    def _checkpoint(self, args: TrainingArguments, state: TrainerState) -> Path:
        return Path(args.output_dir or "") / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
