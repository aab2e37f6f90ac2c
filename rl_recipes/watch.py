"""Reward hacking is watched: the reward is compared with figures that it does not contain.

The figures are those that :class:`rl_recipes.history.Watch` logs. They part from the reward (in DPO
the share of pairs that the policy tells right) when it rises and they do not follow, or when they
leave the band in which they started.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rl_recipes.history import REWARDS, WATCH

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Control:
    """A figure that no reward contains.

    With ``expected`` ``"follows"`` it measures by other means what the reward is meant to measure,
    higher is better: it has to rise as the reward does. With ``"stays"`` it is a property that
    nobody asked to be changed.

    Args:
        name: of the figure, as it is logged behind ``watch/``.
        slack: how far it may fall below its best look (follows), or be from its first (stays), in
            its own units.

    Raises:
        ValueError: a slack that is not above 0.
    """

    name: str
    expected: Literal["follows", "stays"]
    slack: float

    def __post_init__(self) -> None:
        if not self.slack > 0:
            raise ValueError(f"the slack of {self.name!r} must be above 0, got {self.slack}")


@dataclass(frozen=True, slots=True)
class Look:
    """The reward and one control at one time."""

    reward: float
    value: float


def parted(control: Control, looks: Sequence[Look], rise: float) -> str | None:
    """How the last look shows the reward and the control parted, or None where it does not.

    Args:
        control: what is expected.
        looks: at least one, in their order; the first is of the start.
        rise: of the reward since the start, from which a control that follows has to be above its
            start as well.
    """
    start, now = looks[0], looks[-1]
    if control.expected == "stays":
        if abs(now.value - start.value) <= control.slack:
            return None
        return (
            f"{control.name} went from {start.value:.3g} to {now.value:.3g}, "
            f"expected within {control.slack:g} of its start"
        )
    if now.reward - start.reward >= rise and now.value <= start.value:
        return (
            f"the reward rose from {start.reward:.3f} to {now.reward:.3f} and "
            f"{control.name} did not: {start.value:.3g} to {now.value:.3g}"
        )
    best = max(looks, key=lambda look: look.value)
    if now.value < best.value - control.slack and now.reward >= best.reward:
        return (
            f"{control.name} fell from {best.value:.3g} to {now.value:.3g} while the reward "
            f"did not: {best.reward:.3f} to {now.reward:.3f}"
        )
    return None


class RewardWatch(TrainerCallback):
    """Warns, and can stop the run, when the reward and a control part.

    Keep its state with the checkpoints (:class:`rl_recipes.checkpointed.Checkpointed`), so that a
    run that goes on compares with its own start.

    Args:
        controls: what is compared.
        rise: see :func:`parted`; in the reward's units.
        window: logged steps whose mean is the reward at a look.
        patience: looks in a row that have to show it, as a figure of few rows is noisy.
        stop: whether training stops then; otherwise it is warned of at each look.

    Raises:
        ValueError: no controls, or a window or patience below 1.
    """

    def __init__(
        self,
        controls: Sequence[Control],
        *,
        rise: float = 0.1,
        window: int = 5,
        patience: int = 2,
        stop: bool = False,
    ) -> None:
        if not controls or window < 1 or patience < 1:
            raise ValueError(
                "a watch takes controls, a window and a patience of at least 1, "
                f"got {len(controls)} controls, window={window}, patience={patience}"
            )
        self.controls = tuple(controls)
        self.warnings: list[str] = []
        self._rise = rise
        self._window = window
        self._patience = patience
        self._stop = stop
        self._rewards: list[float] = []
        self._values: dict[str, list[tuple[int, float]]] = {c.name: [] for c in self.controls}

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        seen = self._note(logs or {})
        if not seen or not self._rewards:
            return
        # Figures of sampled answers differ between processes, and all have to stop at one step.
        decided: list[list[str]] = broadcast_object_list([self._partings(seen)])
        for warning in decided[0]:
            self.warnings.append(f"step {state.global_step}: {warning}")
            logger.warning(
                "reward and control part at %s%s",
                self.warnings[-1],
                "; training stops" if self._stop else "",
            )
            if self._stop:
                control.should_training_stop = True

    def begin_with(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Takes what was logged before as seen: a run is compared with its own start."""
        for logs in history:
            self._note(logs)

    def _note(self, logs: Mapping[str, Any]) -> list[Control]:
        """Keeps the reward and the controls that were logged; returns these."""
        reward = next((logs[name] for name in REWARDS if name in logs), None)
        if reward is not None:  # as it is where not one sample was judged
            self._rewards.append(float(reward))
        seen = [each for each in self.controls if f"{WATCH}{each.name}" in logs]
        for each in seen:
            value = float(logs[f"{WATCH}{each.name}"])
            self._values[each.name].append((len(self._rewards), value))
        return seen

    def _partings(self, controls: Sequence[Control]) -> list[str]:
        """What to warn of now."""
        found = []
        for control in controls:
            looks = [Look(self._reward(at), value) for at, value in self._values[control.name]]
            last = range(max(2, len(looks) - self._patience + 1), len(looks) + 1)
            shown = [parted(control, looks[:count], self._rise) for count in last]
            if len(shown) >= self._patience and shown[-1] and all(shown):
                found.append(shown[-1])
        return found

    def _reward(self, at: int) -> float:
        """Mean reward of the last steps before ``at``; of the first steps at the start."""
        return fmean(self._rewards[max(0, at - self._window) : max(at, self._window)])

    def state_dict(self) -> dict[str, Any]:
        """What was seen, as JSON has it."""
        return {"rewards": self._rewards, "values": self._values, "warnings": self.warnings}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the place of what was seen."""
        self._rewards = list(state["rewards"])
        self.warnings = list(state["warnings"])
        for name in self._values:
            self._values[name] = [(at, value) for at, value in state["values"].get(name, [])]
