"""Ends a run that has lost its reward, so that it can be gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reward.errors import ServerNotReadyError

UNJUDGED_RATE = "/unjudged_rate"
"""End of the name by which a reward function logs its share of unjudged samples."""


class EndUnrewarded(TrainerCallback):
    """Ends training after so many logs in a row in which not one sample was judged.

    Such steps teach nothing and still count: a run whose server is gone would come to its end
    untrained, in silence. They are not saved, so that going on repeats them.

    Args:
        most: such logs in a row.
        folder: of the run, to be named.
    """

    def __init__(self, most: int, folder: Path) -> None:
        self._most = most
        self._folder = folder
        self._count = 0

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._keep_unsaved(control)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        rates = unjudged_rates(logs or {})
        if rates:
            self._count = self._count + 1 if min(rates) == 1 else 0
        self._keep_unsaved(control)
        if rates and self._count >= self._most:
            raise ServerNotReadyError(
                f"not one sample was judged up to step {state.global_step}, {self._count} logs in "
                f"a row; see the warnings above and the log of the reward server. Checkpoints are "
                f"kept in {self._folder}: once it answers, the same command goes on"
            )

    def _keep_unsaved(self, control: TrainerControl) -> None:
        if self._count:
            control.should_save = False


def unjudged_rates(logs: dict[str, Any]) -> list[float]:
    """The shares of unjudged samples, in [0, 1], that reward functions logged."""
    return [value for name, value in logs.items() if name.endswith(UNJUDGED_RATE)]
