"""TRL's configurations by TRL's option names, as ``flex-rl`` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trl import DPOConfig, GRPOConfig, SFTConfig

from judge.sft.train.machine import FitsMachine


@dataclass
class GrpoArguments(FitsMachine, GRPOConfig):
    """TRL's GRPOConfig."""

    _argument_group_name: ClassVar[str] = "training: TRL's GRPOConfig"


@dataclass
class DpoArguments(FitsMachine, DPOConfig):
    """TRL's DPOConfig."""

    _argument_group_name: ClassVar[str] = "training: TRL's DPOConfig"


@dataclass
class EvaluationArguments(FitsMachine, SFTConfig):
    """What all of TRL's configurations have; an evaluation reads ``output_dir``, ``seed`` and
    ``per_device_eval_batch_size``.
    """

    _argument_group_name: ClassVar[str] = "evaluation: output_dir, seed, per_device_eval_batch_size"
