"""What a recipe is: its rows, its reward, what is watched in training, and how its policy is
measured. The commands of ``flex-rl`` do the rest, for every recipe alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from datasets import Dataset
from transformers import TrainerCallback, TrainingArguments
from trl import ModelConfig

from rl_recipes.options import RunOptions

OptionsT = TypeVar("OptionsT")
RewardFunction = Callable[..., Any]
"""A reward function as TRL calls it; None stands for a completion without a reward."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A model that answers, and its processor (its tokenizer where it takes text alone)."""

    model: Any
    processor: Any


@dataclass(frozen=True, slots=True)
class RunConfig(Generic[OptionsT]):
    """Everything that a run is told.

    ``run`` holds the options of all recipes, ``options`` those of this one, ``training`` and
    ``model`` TRL's (``training`` is a ``GRPOConfig`` or a ``DPOConfig``; plain
    ``TrainingArguments`` where a policy is only evaluated). ``reward_url`` is the server that gives
    rewards and ``eval_url`` the one that judges evaluations; empty as long as they do not run.
    """

    run: RunOptions
    options: OptionsT
    training: TrainingArguments
    model: ModelConfig
    reward_url: str = ""
    eval_url: str = ""

    @property
    def out(self) -> Path:
        """The run's folder."""
        return Path(self.training.output_dir or "").resolve()


class Recipe(Protocol[OptionsT]):
    """One kind of policy and how it is aligned.

    ``options`` is a dataclass whose fields are options of the command, all with defaults and help.
    """

    options: type[OptionsT]

    def load_dataset(self, config: RunConfig[OptionsT]) -> Dataset:
        """The rows to train on: ``prompt`` (text or chat messages), ``image`` or ``images`` where
        there are pictures, and what the reward functions read.

        Raises:
            RequestError: the rows cannot be read, or lack a column.
        """

    def reward_functions(self, config: RunConfig[OptionsT]) -> list[RewardFunction]:
        """The reward: one composed function, which gives None where the judge's term is missing.

        Also what labels the pairs of DPO, row by row and in any order.

        Raises:
            RequestError: settings that do not hold together.
        """

    def rubric(self, config: RunConfig[OptionsT]) -> str:
        """Name of the rubric that the judge goes by."""

    def callbacks(self, config: RunConfig[OptionsT]) -> list[TrainerCallback]:
        """What the recipe adds to the trainer, e.g. state that is saved with checkpoints."""

    def watch(self, policy: Policy, config: RunConfig[OptionsT]) -> dict[str, float]:
        """Cheap figures of the policy as it is that no reward sees: the true metric and a control.

        Called every ``--watch_steps``; logged with ``watch/`` before each name, to wherever TRL
        reports, and kept in ``history.jsonl``.
        """

    def evaluate(
        self,
        policy: Policy,
        config: RunConfig[OptionsT],
        folder: Path,
        against: Path | None = None,
    ) -> dict[str, float]:
        """Figures of a policy on held-out rows; a figure that has no value is left out.

        Args:
            policy: which.
            config: of the run.
            folder: where the answers go, one file a recipe likes.
            against: ``folder`` of an earlier evaluation of the same rows by another policy, for
                figures that compare the two.
        """
