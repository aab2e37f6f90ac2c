"""Options that do not go together, and those that the weights depend on."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate.utils import parse_flag_from_env
from trl import ModelConfig, SFTConfig

from judge.errors import RequestError
from judge.folder import weights_id
from judge.sft.train.arguments import AGREEMENT, JudgeSftArguments
from judge.sft.train.base import Base

_TELLING = (
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "max_length",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "completion_only_loss",
    "packing",
    "bf16",
    "fp16",
    "seed",
)
_TELLING_OF_MODEL = ("dtype", "use_peft")
_TELLING_OF_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora")
"""Options that the weights depend on, of TRL's SFTConfig and ModelConfig."""
_UNDEFINED_AT_TIMES = ("judge_mean_abs_error", "judge_reasoning_tokens")


def check_options(
    arguments: JudgeSftArguments, config: SFTConfig, model: ModelConfig, *, is_held_out: bool
) -> None:
    """Refuses what would otherwise fail late, or without saying why.

    Args:
        arguments, config, model: the run's options.
        is_held_out: whether there are held-out rows.

    Raises:
        RequestError: options that do not go together; the message says what to do.
    """
    if arguments.merge_adapter and not model.use_peft:
        raise RequestError("--merge_adapter needs --use_peft: without LoRA there is no adapter")
    if config.chat_template_path is not None:
        raise RequestError(
            "--chat_template_path is not supported: a judge keeps its base's chat template. Put "
            "chat_template.jinja into the base's folder"
        )
    if config.eval_strategy != "no" and not is_held_out:
        raise RequestError(
            f"--eval_strategy {_value(config.eval_strategy)} needs held-out rows: give "
            "--validation, or a folder with a validation.jsonl, or --eval_strategy no"
        )
    if str(config.metric_for_best_model).removeprefix("eval_") in _UNDEFINED_AT_TIMES:
        raise RequestError(
            f"--metric_for_best_model {config.metric_for_best_model} has no value where no reply "
            f"can be read: take {AGREEMENT}, eval_judge_parse_rate or eval_loss"
        )
    if config.use_liger_kernel and importlib.util.find_spec("liger_kernel") is None:
        raise RequestError("--use_liger_kernel needs a package: pip install liger-kernel")
    if config.packing and config.max_length is None:
        raise RequestError("--packing needs --max_length: how long a packed sequence is")
    is_fsdp = parse_flag_from_env("ACCELERATE_USE_FSDP")  # as accelerate launch sets it
    if is_fsdp and model.use_peft and is_held_out and arguments.judge_eval_samples:
        raise RequestError(
            "an adapter in FSDP's shards cannot write replies: give --judge_eval_samples 0, or "
            "train with DDP or ZeRO"
        )


def check_picture_options(base: Base, config: SFTConfig) -> None:
    """Refuses what cannot be done with rows that show pictures.

    Raises:
        RequestError: packing, or a base that TRL cannot train on pictures.
    """
    if base.is_omni:
        raise RequestError(
            "TRL cannot train Qwen2.5-Omni on rows with pictures; take text rows, or a Qwen-VL"
        )
    for option in ("packing", "padding_free"):
        if getattr(config, option):
            raise RequestError(f"--{option} takes text rows alone, and the data show pictures")


def telling_settings(
    arguments: JudgeSftArguments,
    config: SFTConfig,
    model: ModelConfig,
    *,
    base: Base,
    train_file: Path,
) -> dict[str, Any]:
    """What the weights depend on, by name."""
    with train_file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    of_model = asdict(model)
    return {
        "base": base.name,
        "base_weights": weights_id(base.weights),
        "data": digest[:16],
        "profile": arguments.profile,
        "freeze_vision": arguments.freeze_vision,
        **{name: _value(getattr(config, name)) for name in _TELLING},
        **{name: of_model[name] for name in _TELLING_OF_MODEL},
        **({name: of_model[name] for name in _TELLING_OF_LORA} if model.use_peft else {}),
    }


def _value(setting: Any) -> Any:
    """A setting as JSON has it: enumerations by their values."""
    return getattr(setting, "value", setting)
