"""``flex-rl grpo | dpo | evaluate``: the commands, in TRL's option names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from judge.errors import MissingExtraError, RequestError

if TYPE_CHECKING:
    from trl import TrlParser

    from rl_recipes.recipe import Recipe
    from rl_recipes.run import Run

CONFIGS = Path(__file__).parent / "configs"
"""Shipped configurations, one YAML a run."""
Method = Literal["grpo", "dpo", "evaluate"]
METHODS: dict[Method, str] = {
    "grpo": "align a policy by TRL's GRPO with a judge's reward",
    "dpo": "align a policy by TRL's DPO on pairs that a judge labelled",
    "evaluate": "measure a run's base and policy on held-out rows",
}

_DESCRIPTION = """{method}.

  flex-rl {name} CONFIG.yaml [--option value …]

CONFIG.yaml holds options by the names below, or is the name of a configuration that ships
({configs}); options given beside it win. --dry_run (or --dry-run)
checks rows, reward server and model, prints what was resolved, and trains nothing. Stopped and run
again, a run goes on from its last whole checkpoint.

The judge that rewards is served on this machine for the length of the run, or runs elsewhere
(--reward_url). Everything else is TRL's: --use_vllm, --use_peft, --report_to, --log_completions,
--deepspeed, … Several processes: accelerate launch --config_file {accelerate}/zero3.yaml
-m rl_recipes.cli {name} CONFIG.yaml

examples:
{examples}
"""
_EXAMPLES: dict[Method, str] = {
    "grpo": """  flex-rl grpo captioning-grpo-nano --output_dir runs/grpo
  flex-rl grpo captioning-grpo-24gb --data you/pictures:train --eval_data you/pictures:test \\
      --reward_url http://judge:8471 --dry-run""",
    "dpo": """  flex-rl dpo captioning-dpo-nano --output_dir runs/dpo --seed 1
  flex-rl dpo captioning-dpo-nano --output_dir runs/dpo-2 --rounds 2
  flex-rl dpo my.yaml --pairs runs/labelled/train.parquet     what flex-reward label wrote""",
    "evaluate": """  flex-rl evaluate captioning-grpo-nano --output_dir runs/grpo
  flex-rl evaluate captioning-grpo-nano --output_dir runs/grpo --eval_judge ./other-judge""",
}


def parse_run(method: Method, options: Sequence[str]) -> tuple[Run, bool]:
    """What the options say, those of the configuration under those of the command line; and whether
    it is only to be checked.

    Raises:
        RequestError: an option that there is none of, no recipe, or a file that cannot be read.
        MissingExtraError: TRL is not installed.
    """
    found = _with_config(options)
    if {"-h", "--help"} & set(found):
        make_parser(method, _recipe_named(found, "captioning")).parse_args(["--help"])
    recipe = _recipe_named(found)
    parser = make_parser(method, recipe)
    from yaml import YAMLError

    try:
        parsed = parser.parse_args_and_config(
            found, return_remaining_strings=True, separate_remaining_strings=True
        )
    except (ValueError, OSError, YAMLError) as error:
        raise RequestError(f"{error} (flex-rl {method} --help lists the options)") from error
    *parts, unknown_in_file, unknown = parsed
    _check_known(method, unknown_in_file, unknown)
    return _made(recipe, parts)


def make_parser(method: Method, recipe: Recipe[Any]) -> TrlParser:
    """The parser: options of all runs, of the recipe, of TRL's configurations.

    Raises:
        MissingExtraError: TRL is not installed.
    """
    try:
        from trl import ModelConfig, TrlParser

        from rl_recipes.arguments import DpoArguments, EvaluationArguments, GrpoArguments
    except ImportError as error:
        raise MissingExtraError(error.name or "trl", "train") from error
    from judge.sft.train.command import CONFIGS as JUDGE_CONFIGS
    from rl_recipes.options import PairOptions, RunOptions

    own: dict[Method, tuple[type, ...]] = {
        "grpo": (GrpoArguments,),
        "dpo": (DpoArguments, PairOptions),
        "evaluate": (EvaluationArguments,),
    }
    kinds: Any = (RunOptions, recipe.options, ModelConfig, *own[method])  # TRL has no type for them
    return TrlParser(
        kinds,
        prog=f"flex-rl {method}",
        description=_DESCRIPTION.format(
            name=method,
            method=METHODS[method].capitalize(),
            configs=", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml"))),
            accelerate=JUDGE_CONFIGS / "accelerate",
            examples=_EXAMPLES[method],
        ),
        formatter_class=_Help,
        allow_abbrev=False,
    )


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is laid out, and each option's default."""


def _with_config(options: Sequence[str]) -> list[str]:
    """The options with a configuration that comes first made ``--config`` and its path."""
    found = ["--dry_run" if option == "--dry-run" else option for option in options]
    if found and not found[0].startswith("-"):
        found.insert(0, "--config")
    if "--config" not in found:
        return found
    place = found.index("--config") + 1
    if place == len(found):
        raise RequestError("--config takes a YAML file, or the name of a configuration that ships")
    shipped = CONFIGS / f"{found[place]}.yaml"
    if Path(found[place]).is_file():
        return found
    if not shipped.is_file():
        names = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
        raise RequestError(
            f"no configuration {found[place]!r}: expected a YAML file, or one of those that ship: "
            f"{names}"
        )
    found[place] = str(shipped)
    return found


def _recipe_named(options: list[str], default: str | None = None) -> Recipe[Any]:
    """The recipe that the options or their configuration name: its options are options, too."""
    from rl_recipes.recipes import RECIPES, load_recipe

    name = default
    if "--config" in options:
        name = _read(options[options.index("--config") + 1]).get("recipe", default)
    if "--recipe" in options[:-1]:
        name = options[options.index("--recipe") + 1]
    if name is None:
        raise RequestError(f"no recipe: give a configuration, or --recipe {' or '.join(RECIPES)}")
    return load_recipe(name)


def _read(path: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("pyyaml", "train") from error
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise RequestError(f"{path} holds no options by name")
    return found


def _check_known(method: Method, in_file: list[str], on_line: list[str]) -> None:
    """Refuses options that there are none of. An evaluation passes over those of training, so that
    it can be told what the run was told.
    """
    unknown = [*in_file[::2], *on_line]
    if method == "evaluate":
        named = [option.partition("=")[0] for option in unknown if option.startswith("--")]
        unknown = [option for option in named if option.removeprefix("--") not in _of_training()]
    if unknown:
        raise RequestError(f"no option {', '.join(unknown)} (flex-rl {method} --help lists them)")


def _of_training() -> set[str]:
    from rl_recipes.arguments import DpoArguments, GrpoArguments
    from rl_recipes.options import PairOptions

    kinds = (GrpoArguments, DpoArguments, PairOptions)
    return {field.name for kind in kinds for field in fields(kind)}


def _made(recipe: Recipe[Any], parts: list[Any]) -> tuple[Run, bool]:
    from rl_recipes.recipe import RunConfig
    from rl_recipes.run import Run

    run, options, model, training, *pairs = parts
    config = RunConfig(run, options, training, model)
    return Run(recipe, config, *pairs), run.dry_run
