"""The rounds of DPO before the last: each has a folder in that of the run, and its policy answers
and is trained on in the next. Pairs then show what the policy of the day gets right and wrong.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from judge.folder import ADAPTER_FILE
from judge.sft.train.base import Base
from judge.sft.train.checkpoints import SETTINGS
from judge.sft.train.save import MERGED, save_merged
from rl_recipes.history import HISTORY, joined_histories, read_history
from rl_recipes.policy import find_policy
from rl_recipes.recipe import RunConfig

_FOLDER = "round-{}"


def in_folder(config: RunConfig[Any], folder: Path) -> RunConfig[Any]:
    """What a run is told, for the round in that folder."""
    training = copy.copy(config.training)
    training.output_dir = str(folder)
    training.resume_from_checkpoint = None  # of the last round, if one is named
    return replace(config, training=training)


def round_folders(out: Path) -> list[Path]:
    """The folders of a run's rounds, in order: that of the run, which is the last one's, too."""
    settings = out / SETTINGS
    told = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    earlier = range(1, told.get("rounds", 1))
    return [*(out / _FOLDER.format(number) for number in earlier), out]


def whole_history(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """What rounds logged, on one axis of steps."""
    return joined_histories(read_history(folder / HISTORY) for folder in folders)


def write_next_base(base: Base, policy: Path, dtype: torch.dtype) -> None:
    """Makes of a round's policy a checkpoint that vLLM and the next round load: an adapter is
    merged into its base.
    """
    if (policy / ADAPTER_FILE).is_file():
        save_merged(base, dtype, policy)


def next_base(config: RunConfig[Any], policy: Path) -> Base:
    """The checkpoint that :func:`write_next_base` left."""
    merged = policy / MERGED
    name = str(merged if merged.is_dir() else policy)
    return find_policy(replace(config.model, model_name_or_path=name))


def take_policy(earlier: Path, policy: Path) -> None:
    """Makes an earlier round's policy the run's; an adapter's base stays where it is."""
    shutil.rmtree(policy, ignore_errors=True)
    shutil.copytree(earlier, policy, ignore=shutil.ignore_patterns(MERGED))
