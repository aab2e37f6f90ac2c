"""``flex-judge sft``: the command, in TRL's option names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.errors import MissingExtraError, RequestError

if TYPE_CHECKING:
    from trl import ModelConfig, TrlParser

    from judge.sft.train.arguments import JudgeSftArguments, JudgeSftConfig

CONFIGS = Path(__file__).parent.parent / "configs"
"""Shipped configurations: one YAML a run, and Accelerate's in a folder of their own."""

_DESCRIPTION = """Fine-tunes a checkpoint into a judge by TRL's SFTTrainer: on curated rows,
with the loss on the reply alone. Writes a judge folder that vLLM and transformers load, with its
judge.toml, a model card and report.json. Stopped and run again, it goes on from its last whole
checkpoint.

examples:
  flex-judge sft --data runs/data --model_name_or_path nano-base --profile nano-judge \\
      --output_dir runs/judge
  flex-judge sft --config flex-vl-7b --data runs/data --output_dir runs/judge
  flex-judge sft --config my.yaml --learning_rate 7e-6 --use_peft --merge_adapter
  accelerate launch --config_file {configs}/accelerate/zero3.yaml \\
      -m judge.cli sft --config flex-vl-7b --data runs/data --output_dir runs/judge

--config takes a YAML file of options by the names below, or the name of one that ships
({names}); options given beside it win. A row longer than --max_length is left
out and reported, never cut; one whose reply does not state its own scores stops the run. With
--eval_strategy steps, held-out rows are judged by the live weights every --eval_steps: parse rate,
agreement, flip rate and length of the reasoning go to --report_to (tensorboard, trackio, wandb) as
eval_judge_..., and --load_best_model_at_end keeps the weights that agreed most. All of it is
explained in docs/training.md.
"""


def add_sft_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the subcommand; its options are TRL's, which are slow to load, so it parses them."""
    sft = commands.add_parser(
        "sft",
        help="fine-tune a checkpoint into a judge on curated rows",
        add_help=False,
        prefix_chars="\0",  # nothing is an option of this parser's own, --help neither
    )
    sft.add_argument("options", nargs="*")
    sft.set_defaults(run=_sft)


def parse_options(
    options: Sequence[str],
) -> tuple[JudgeSftArguments, JudgeSftConfig, ModelConfig]:
    """What the options say, those of a ``--config`` file under those of the command line.

    Raises:
        RequestError: an option that there is none of, or a file that cannot be read.
    """
    arguments, config, model = _run_parser(_with_config_file(options))
    return arguments, config, model


def _run_parser(options: list[str]) -> tuple[JudgeSftArguments, JudgeSftConfig, ModelConfig]:
    try:
        arguments, config, model = make_parser().parse_args_and_config(options)
    except (ValueError, OSError) as error:
        raise RequestError(f"{error} (flex-judge sft --help lists the options)") from error
    return arguments, config, model


def make_parser() -> TrlParser:
    """The parser: options of the judge, of TRL's SFTConfig and of TRL's ModelConfig.

    Raises:
        MissingExtraError: TRL is not installed.
    """
    try:
        from trl import ModelConfig, TrlParser

        from judge.sft.train.arguments import JudgeSftArguments, JudgeSftConfig
    except ImportError as error:
        raise MissingExtraError(error.name or "trl", "train") from error
    names = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
    kinds: Any = (JudgeSftArguments, JudgeSftConfig, ModelConfig)  # TRL's own type for them is none
    return TrlParser(
        kinds,
        prog="flex-judge sft",
        description=_DESCRIPTION.format(configs=CONFIGS, names=names),
        formatter_class=_Help,
        allow_abbrev=False,
    )


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is laid out, and each option's default."""


def _with_config_file(options: Sequence[str]) -> list[str]:
    """The options with the name of a shipped configuration made its path."""
    found = list(options)
    if "--config" not in found:
        return found
    place = found.index("--config") + 1
    if place == len(found):
        raise RequestError("--config takes a YAML file, or the name of a configuration that ships")
    shipped = CONFIGS / f"{found[place]}.yaml"
    if not Path(found[place]).is_file() and shipped.is_file():
        found[place] = str(shipped)
    return found


def _sft(args: argparse.Namespace) -> int:
    parsed = parse_options(args.options)
    from judge.sft.train.run import run_sft

    report = run_sft(*parsed)
    if parsed[1].process_index == 0:
        print(report.summary())
        print(report.to_json())
    return 0
