"""TRL's trainers with a recipe's parts in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import Trainer
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer

from judge.sft.train.base import Base, adapter_config, load_trainable
from rl_recipes.history import HISTORY, History, Watch
from rl_recipes.policy import load_processor
from rl_recipes.recipe import Policy, Recipe, RunConfig
from rl_recipes.unrewarded import EndUnrewarded
from rl_recipes.watch import RewardWatch


def grpo_trainer(recipe: Recipe[Any], config: RunConfig[Any], base: Base) -> Trainer:
    """GRPO of the base by the recipe's reward."""
    assert isinstance(config.training, GRPOConfig)
    model, peft_config = _load(config, base)
    trainer = GRPOTrainer(
        model=model,
        args=config.training,
        reward_funcs=[*recipe.reward_functions(config)],
        train_dataset=recipe.load_dataset(config),
        processing_class=load_processor(base),
        peft_config=peft_config,
    )
    return _watched(trainer, recipe, config, base)


def dpo_trainer(
    recipe: Recipe[Any],
    config: RunConfig[Any],
    base: Base,
    pairs: Dataset,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> Trainer:
    """DPO of the base on pairs: ``prompt``, ``chosen``, ``rejected``, and ``images`` if any.

    The watch over reward hacking begins with what ``earlier`` rounds logged.
    """
    assert isinstance(config.training, DPOConfig)
    model, peft_config = _load(config, base)
    trainer = DPOTrainer(
        model=model,
        args=config.training,
        train_dataset=pairs,
        processing_class=load_processor(base),
        peft_config=peft_config,
    )
    return _watched(trainer, recipe, config, base, earlier)


def _load(config: RunConfig[Any], base: Base) -> tuple[Any, Any]:
    training: Any = config.training
    init_kwargs = training.model_init_kwargs
    if base.revision != "main" and not Path(base.weights).is_dir():
        # By these TRL loads the reference, of which it knows the name alone.
        training.model_init_kwargs = {"revision": base.revision, **(init_kwargs or {})}
    freeze = config.run.freeze_vision
    model = load_trainable(base, config.model, init_kwargs, freeze)
    return model, adapter_config(config.model, model, freeze)


def _watched(
    trainer: Trainer,
    recipe: Recipe[Any],
    config: RunConfig[Any],
    base: Base,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> Trainer:
    processor = load_processor(base)
    trainer.add_callback(History(config.out / HISTORY))
    for callback in recipe.callbacks(config):
        if isinstance(callback, RewardWatch):
            callback.begin_with(earlier)
        trainer.add_callback(callback)
    run = config.run
    if run.unrewarded_logs:
        trainer.add_callback(EndUnrewarded(run.unrewarded_logs, config.out))
    if run.watch_steps and run.eval_rows:

        def look(model: Any) -> dict[str, float]:
            return recipe.watch(Policy(model, processor), config)

        trainer.add_callback(Watch(trainer, run.watch_steps, look))
    return trainer
