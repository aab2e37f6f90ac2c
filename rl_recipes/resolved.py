"""What a run was told, all sources together, as it could be told again."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from rl_recipes.recipe import RunConfig

_BESIDE_THE_POINT = (
    "output_dir",
    "dry_run",
    "pairs_only",
    "judge_",
    "eval_",
    "watch_",
    "reward_url",
    "reward_deadline_s",
    "unrewarded_logs",
    "serve_options",
    "save_steps",
    "save_strategy",
    "save_total_limit",
    "save_only_model",
    "min_labelled",
    "sampler_options",
    "logging_",
    "log_",
    "report_to",
    "run_name",
    "trackio_",
    "hub_",
    "push_to_hub",
    "disable_tqdm",
    "dataloader_",
    "resume_from_checkpoint",
    "per_device_eval_batch_size",
    "num_completions_to_print",
    "vllm_server_",
)
"""Beginnings of the names of options that the weights do not depend on."""


def resolved(config: RunConfig[Any], *more: Any) -> dict[str, Any]:
    """Options by name: those of the run and the recipe, and TRL's where they are not TRL's default.

    Args:
        config: of the run.
        more: dataclasses of further options.
    """
    own = [config.run, config.options, *more]
    found = {
        field.name: _plain(getattr(each, field.name)) for each in own for field in fields(each)
    }
    for trl in (config.model, config.training):
        for field in fields(trl):
            value = _plain(getattr(trl, field.name))
            if field.init and value != _plain(_default(field)) and _is_data(value):
                found[field.name] = value
    return found


def telling(config: RunConfig[Any], *more: Any) -> dict[str, Any]:
    """Of the resolved options those that the weights depend on; a YAML file by what it holds."""
    return {
        name: _held(value)
        for name, value in resolved(config, *more).items()
        if not name.startswith(_BESIDE_THE_POINT)
    }


def as_yaml(options: dict[str, Any]) -> str:
    """The options as a configuration file."""
    return yaml.safe_dump(options, sort_keys=False, allow_unicode=True)


def _held(value: Any) -> Any:
    if not isinstance(value, str) or not value.endswith((".yaml", ".yml")):
        return value
    path = Path(value)
    return f"{value} ({sha256(path.read_bytes()).hexdigest()[:8]})" if path.is_file() else value


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _is_data(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_data, value.values()))
    if isinstance(value, list):
        return all(map(_is_data, value))
    return value is None or isinstance(value, str | int | float | bool)
