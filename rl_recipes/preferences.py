"""From a recipe's rows to the pairs that DPO trains on, a stage a file, each gone on with.

rows → answers/ (shards) → labels.jsonl → pairs (Parquet) and report.json (what became of rows)
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from judge.errors import RequestError
from judge.folder import weights_id
from judge.sft.train.base import Base
from judge.sft.train.checkpoints import claim_folder, last_whole_checkpoint
from reward.adapters.composed import ComposedJudgeReward
from reward.offline.sampling import Sampling, open_policy
from rl_recipes.candidates import Answer, sample_answers
from rl_recipes.comparing import ComparedReward
from rl_recipes.options import PairOptions
from rl_recipes.pairs import (
    PairReport,
    choose_pairs,
    label_by_reward,
    preference_rows,
    write_report,
)
from rl_recipes.recipe import Recipe, RewardFunction, RunConfig
from rl_recipes.resolved import telling
from rl_recipes.rows import load_rows

FOLDER = "pairs"
ANSWERS, LABELS, PAIRS, REPORT = "answers", "labels.jsonl", "pairs.parquet", "report.json"
_COLUMNS = ("prompt", "chosen", "rejected")


def load_pairs(source: str) -> Dataset:
    """Preference rows that are there already, e.g. those of ``flex-reward label``.

    Raises:
        RequestError: they cannot be read, or lack a column.
    """
    rows = load_rows(source)
    missing = [column for column in _COLUMNS if column not in rows.column_names]
    if missing:
        raise RequestError(
            f"{source!r} has no column {' or '.join(missing)}; pairs for DPO have "
            f"{', '.join(_COLUMNS)}, and images where there are some"
        )
    shown = [column for column in ("image", "images") if column in rows.column_names]
    return rows.select_columns([*_COLUMNS, *shown])


def sample(
    rows: Dataset, config: RunConfig[Any], pairs: PairOptions, base: Base
) -> list[list[Answer]]:
    """The base's answers to the rows, sampled or read from the run's folder.

    Raises:
        RequestError: the folder holds answers or labels of a run that was told otherwise.
        EngineError: vLLM ended early; what it sampled is kept.
    """
    folder = config.out / FOLDER
    claim_folder(folder, _telling(config, pairs, base), is_begun=(folder / ANSWERS).is_dir())
    sampling = Sampling(
        samples=answers_a_row(pairs),
        temperatures=tuple(pairs.temperatures),
        max_tokens=pairs.max_answer_tokens,
        seed=config.training.seed,
        # The answers of a pair then differ in few places, and tell the policy which ones count.
        common_random_numbers=True,
    )
    options = {"revision": base.revision, "seed": sampling.seed, **engine_args(pairs)}
    make_engine = partial(open_policy, base.weights, "vllm", **options)
    return sample_answers(rows, sampling, make_engine, folder / ANSWERS)


def make_pairs(
    recipe: Recipe[Any],
    rows: Dataset,
    answers: list[list[Answer]],
    config: RunConfig[Any],
    pairs: PairOptions,
) -> Dataset:
    """The rows' best and worst answers by the reward, in TRL's columns; they are kept in the run's
    folder as Parquet, with a report.

    Raises:
        RequestError: too few answers got a reward, or no two of a row differ by enough.
    """
    folder = config.out / FOLDER
    reward = _reward(recipe, config, pairs)
    labels = label_by_reward(reward, rows, answers, folder / LABELS)
    chosen, report = choose_pairs(answers, labels, pairs.min_margin, answers_a_row(pairs))
    write_report(report, folder / REPORT)
    _check(report, pairs, folder)
    partial = folder / f"{PAIRS}.partial"
    preference_rows(rows, chosen).to_parquet(str(partial))
    partial.replace(folder / PAIRS)
    return load_pairs(str(folder / PAIRS))


def is_labelling_begun(out: Path) -> bool:
    """Whether answers of the run in that folder have labels."""
    return (out / FOLDER / LABELS).is_file()


def pairs_trained_on(out: Path) -> Dataset | None:
    """The pairs that the run in that folder made, if it has begun to train on them.

    They are not made again: a label that was missing may come now, and the trainer would go on with
    other rows.
    """
    path = out / FOLDER / PAIRS
    is_begun = path.is_file() and last_whole_checkpoint(out) is not None
    return load_pairs(str(path)) if is_begun else None


def read_report(out: Path) -> PairReport | None:
    """What became of the rows of the run in that folder, if it made pairs."""
    path = out / FOLDER / REPORT
    return PairReport(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def answers_a_row(pairs: PairOptions) -> int:
    """How many answers each row is to have, at all temperatures together."""
    return pairs.samples * len(pairs.temperatures)


def engine_args(pairs: PairOptions) -> dict[str, Any]:
    """vLLM's engine arguments as the options have them.

    Raises:
        RequestError: they are no JSON object.
    """
    try:
        found = json.loads(pairs.sampler_options)
    except ValueError as error:
        raise RequestError(f"--sampler_options takes a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise RequestError(f"--sampler_options takes a JSON object, got {pairs.sampler_options!r}")
    return found


def _telling(config: RunConfig[Any], pairs: PairOptions, base: Base) -> dict[str, Any]:
    """What answers and labels depend on: on the base, however it came about, and not on how the
    pairs are trained on.
    """
    beside = {field.name for field in fields(config.training)} - {"seed"} | {"min_margin", "rounds"}
    told = {name: value for name, value in telling(config, pairs).items() if name not in beside}
    return {**told, "base": weights_id(base.weights)}


def _reward(recipe: Recipe[Any], config: RunConfig[Any], pairs: PairOptions) -> RewardFunction:
    """What labels answers: the recipe's reward, its judge asked as ``--compare`` says."""
    (function,) = recipe.reward_functions(config)
    if config.run.compare == "pointwise":
        return function
    if not isinstance(function, ComposedJudgeReward):
        raise RequestError("--compare pairwise takes a reward with a judge in it")
    return ComparedReward(
        function,
        size=answers_a_row(pairs),
        url=config.reward_url,
        deadline_s=config.run.reward_deadline_s,
    )


def _check(report: PairReport, pairs: PairOptions, folder: Path) -> None:
    labelled = 1 - report.unlabelled_rate
    if labelled < pairs.min_labelled:
        raise RequestError(
            f"{labelled:.1%} of the answers got a reward ({report.unanswered} of {report.rows} "
            f"rows could not be put to the policy), and --min_labelled is "
            f"{pairs.min_labelled:.1%}; all of it is kept in {folder}: the same command asks for "
            "the missing ones again"
        )
    if not report.pairs:
        raise RequestError(
            f"no pairs came of {report.rows} rows: {report.unanswered} could not be put to the "
            f"policy, {report.too_few} have fewer than two different whole answers with a reward, "
            f"{report.close} no two that differ by more than {pairs.min_margin:g}; give more "
            "--samples, higher --temperatures or more rows"
        )
