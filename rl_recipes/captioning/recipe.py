"""The captioning recipe: see README.md beside this file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from datasets import Dataset
from transformers import TrainerCallback

from judge.errors import RequestError
from rl_recipes.captioning.claims import ClaimReader
from rl_recipes.captioning.data import (
    HeldOut,
    held_out,
    load_held_out,
    load_training,
    training_pictures,
)
from rl_recipes.captioning.evaluate import evaluate_captions, true_accuracy
from rl_recipes.captioning.options import CaptioningOptions
from rl_recipes.captioning.rewards import FACTS, CaptionJudgeReward, load_reward
from rl_recipes.checkpointed import Checkpointed
from rl_recipes.generation import write_answers
from rl_recipes.recipe import Policy, RewardFunction, RunConfig
from rl_recipes.watch import Control, RewardWatch

Config = RunConfig[CaptioningOptions]


class CaptioningRecipe:
    """Aligns a captioner; see :class:`~rl_recipes.recipe.Recipe`."""

    options = CaptioningOptions

    def load_dataset(self, config: Config) -> Dataset:
        """Rows of ``--data``, or pictures of the synthetic world."""
        run, options = config.run, config.options
        if run.eval_rows:
            held_out_rows(config)  # what cannot be evaluated is to be known before the training
        if run.data is not None:
            return load_training(run.data, options, run.train_rows)
        if options.show_reference:
            raise RequestError("--show_reference takes rows of your own: give --data")
        with_facts = options.claims_weight > 0
        return training_pictures(run.train_rows, config.training.seed, with_facts=with_facts)

    def reward_functions(self, config: Config) -> list[RewardFunction]:
        """Gates, judge, claims and terms in one function."""
        options = config.options
        claims = None
        if options.claims_weight:
            rows = self.load_dataset(config)[FACTS]
            claims = ClaimReader({fact for facts in rows for fact in facts or ()})
        return [
            CaptionJudgeReward(
                load_reward(options.reward, options.claims_weight),
                claims,
                url=config.reward_url,
                deadline_s=config.run.reward_deadline_s,
            )
        ]

    def rubric(self, config: Config) -> str:
        """That of the reward."""
        return load_reward(config.options.reward, 0.0).rubric

    def callbacks(self, config: Config) -> list[TrainerCallback]:
        """The watch over reward hacking, and what keeps it with the checkpoints."""
        watch = RewardWatch(
            (
                Control("true_accuracy", "follows", slack=0.1),
                Control("words", "stays", slack=config.options.watch_words),
            ),
            stop=config.options.watch_stop,
        )
        return [watch, Checkpointed("reward_watch", watch)]

    def watch(self, policy: Policy, config: Config) -> dict[str, float]:
        """The true accuracy where scenes are known, and the control: the captions' length."""
        rows = held_out_rows(config)[: config.run.watch_rows]
        captions = _captions(policy, rows, config, progress=None)
        accuracy = true_accuracy(rows, captions)
        words = sum(len(text.split()) for text in captions) / len(captions)
        return {"words": words, **({} if accuracy is None else {"true_accuracy": accuracy})}

    def evaluate(
        self, policy: Policy, config: Config, folder: Path, against: Path | None = None
    ) -> dict[str, float]:
        """See :func:`rl_recipes.captioning.evaluate.measure`."""
        rows = held_out_rows(config)
        return evaluate_captions(
            rows,
            _captions(policy, rows, config, progress=f"captioning ({folder.name})"),
            folder,
            url=config.eval_url,
            rubric=self.rubric(config),
            against=against,
            side_by_side=config.run.compare == "pairwise",
        )


def held_out_rows(config: Config) -> list[HeldOut]:
    """Rows of ``--eval_data``, or of the synthetic world where those of ``--data`` are, too.

    Raises:
        RequestError: the rows cannot be read, or are not named.
    """
    run = config.run
    return list(_held_out_rows(run.data, run.eval_data, config.options, run.eval_rows))


@lru_cache(maxsize=1)
def _held_out_rows(
    data: str | None, eval_data: str | None, options: CaptioningOptions, count: int
) -> tuple[HeldOut, ...]:
    if eval_data is not None:
        return tuple(load_held_out(eval_data, options, count))
    if data is not None:
        raise RequestError("no held-out rows: give --eval_data beside --data, or --eval_rows 0")
    return tuple(held_out(count))


def _captions(
    policy: Policy, rows: list[HeldOut], config: Config, progress: str | None
) -> list[str]:
    return write_answers(
        policy,
        [row.prompt for row in rows],
        [row.picture for row in rows],
        max_new_tokens=config.options.max_caption_tokens,
        batch=config.training.per_device_eval_batch_size,
        progress=progress,
    )
