"""The molecules recipe: see README.md beside this file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig

from judge.errors import RequestError
from reward.adapters.composed import ComposedJudgeReward
from rl_recipes.checkpointed import Checkpointed
from rl_recipes.generation import write_answers
from rl_recipes.molecules.chem.memory import ScaffoldMemory
from rl_recipes.molecules.data import (
    Messages,
    held_out_wishes,
    instructed,
    load_training,
    load_wishes,
    training_wishes,
)
from rl_recipes.molecules.evaluate import evaluate_molecules, figures, read_answers
from rl_recipes.molecules.hackable import lipophilicity
from rl_recipes.molecules.options import MoleculesOptions
from rl_recipes.molecules.rewards import MoleculeJudgeReward, compose, smiles_of
from rl_recipes.recipe import Policy, RewardFunction, RunConfig
from rl_recipes.watch import Control, RewardWatch

Config = RunConfig[MoleculesOptions]

_WATCHED = ("wish_satisfaction", "validity", "control")


class MoleculesRecipe:
    """Aligns a generator of molecules; see :class:`~rl_recipes.recipe.Recipe`."""

    options = MoleculesOptions

    def __init__(self) -> None:
        self._memory: ScaffoldMemory | None = None

    def load_dataset(self, config: Config) -> Dataset:
        """Rows of ``--data``, or wishes near the molecules that nano-molgen knows."""
        run = config.run
        if run.eval_rows:
            _held_out(config)  # what cannot be evaluated is to be known before the training
        if run.data is not None:
            rows = load_training(run.data, run.train_rows)
        else:
            rows = training_wishes(run.train_rows, config.training.seed)
        prompts = [instructed(prompt, config.options.instruction) for prompt in rows["prompt"]]
        return Dataset.from_dict({"prompt": prompts})

    def reward_functions(self, config: Config) -> list[RewardFunction]:
        """Gates, judge and, for GRPO, diversity in one function.

        What labels pairs for DPO remembers nothing: a label would depend on those before it.
        """
        options = config.options
        if options.reward == "lipophilicity":
            return [lipophilicity]
        how = {"url": config.reward_url, "deadline_s": config.run.reward_deadline_s}
        try:
            composed = compose(
                options.rubric,
                refuse_alerts=options.refuse_alerts,
                desirability_weight=options.desirability_weight,
            )
            memory = ScaffoldMemory(
                options.bucket_size, options.bucket_min_reward, options.diversity_penalty
            )
        except ValueError as error:
            raise RequestError(f"the molecules reward: {error}") from error
        if not isinstance(config.training, GRPOConfig):
            return [ComposedJudgeReward(composed, molecule_of=smiles_of, **how)]
        self._memory = memory
        return [MoleculeJudgeReward(composed, memory, **how)]

    def rubric(self, config: Config) -> str:
        """Name of the rubric that the judge goes by."""
        return config.options.rubric

    def callbacks(self, config: Config) -> list[TrainerCallback]:
        """The watch over reward hacking, and what keeps it and the memory with the checkpoints."""
        watch = RewardWatch(
            (
                Control("wish_satisfaction", "follows", slack=0.1),
                Control("control", "stays", slack=config.options.watch_slack),
            ),
            stop=config.options.watch_stop,
        )
        kept = [watch, Checkpointed("reward_watch", watch)]
        return kept if self._memory is None else [*kept, Checkpointed("memory", self._memory)]

    def watch(self, policy: Policy, config: Config) -> dict[str, float]:
        """The true metric, and the control properties."""
        prompts = _held_out(config)[: config.run.watch_rows]
        texts = _write(policy, prompts, config, progress=None)
        found = figures(read_answers(prompts, texts))
        return {name: found[name] for name in _WATCHED if name in found}

    def evaluate(
        self, policy: Policy, config: Config, folder: Path, against: Path | None = None
    ) -> dict[str, float]:
        """See :func:`rl_recipes.molecules.evaluate.evaluate_molecules`."""
        prompts = [
            prompt for prompt in _held_out(config) for _ in range(config.options.eval_samples)
        ]
        return evaluate_molecules(
            prompts,
            _write(policy, prompts, config, progress=f"molecules ({folder.name})"),
            folder,
            url=config.eval_url,
            rubric=config.options.rubric,
            against=against,
        )


def _held_out(config: Config) -> list[Messages]:
    """Prompts of ``--eval_data``, or wishes near molecules that nano-molgen does not know.

    Raises:
        RequestError: the rows cannot be read, or state no wish.
    """
    prompts = _read_held_out(config.run.eval_data, config.run.eval_rows)
    return [instructed(prompt, config.options.instruction) for prompt in prompts]


@lru_cache(maxsize=1)
def _read_held_out(eval_data: str | None, count: int) -> tuple[Messages, ...]:
    if eval_data is not None:
        return tuple(load_wishes(eval_data, count))
    return tuple(held_out_wishes(count))


def _write(
    policy: Policy, prompts: list[Messages], config: Config, progress: str | None
) -> list[str]:
    return write_answers(
        policy,
        prompts,
        max_new_tokens=config.options.max_molecule_tokens,
        temperature=config.options.eval_temperature,
        batch=config.training.per_device_eval_batch_size,
        progress=progress,
    )
