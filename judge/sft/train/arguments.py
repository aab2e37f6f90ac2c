"""What a fine-tuning run is told: its data and judge, and TRL's own options by TRL's names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from transformers import SchedulerType
from transformers.utils.import_utils import is_torch_bf16_gpu_available
from trl import SFTConfig

AGREEMENT = "eval_judge_agreement"
"""The figure by which the best checkpoint is told: share of held-out replies that are right."""


@dataclass(frozen=True)
class JudgeSftArguments:
    """What is trained on, and what kind of judge comes out.

    The files hold curated rows: see :mod:`judge.sft.samples`.
    """

    _argument_group_name: ClassVar[str] = "the judge"

    data: str = field(
        metadata={
            "help": "Curated rows to train on: a folder that flex-judge curate wrote (train.jsonl, "
            "validation.jsonl), or one .jsonl file."
        }
    )
    validation: str | None = field(
        default=None,
        metadata={
            "help": "Held-out curated rows, a .jsonl file. By default the folder's "
            "validation.jsonl, if it has one."
        },
    )
    profile: str = field(
        default="default",
        metadata={
            "help": "Prompts and decoding of the judge, those that the rows were curated for: "
            "name of a profile that ships (default, flex-vl, flex-omni, nano-judge, ...), or path "
            "of a judge.toml."
        },
    )
    judge_name: str | None = field(
        default=None,
        metadata={"help": "Name in the judge's judge.toml. By default that of --output_dir."},
    )
    freeze_vision: bool = field(
        default=True,
        metadata={"help": "Leave the vision and audio towers as they are in the base."},
    )
    judge_eval_samples: int = field(
        default=64,
        metadata={
            "help": "How many held-out rows are judged by the live weights at each evaluation of "
            "TRL's (--eval_strategy, --eval_steps) and at the end, greedily, pairs in both orders, "
            "--per_device_eval_batch_size replies at a time. 0: none."
        },
    )
    save_dtype: Literal["bfloat16", "float16", "float32"] = field(
        default="bfloat16", metadata={"help": "Number format of the saved weights."}
    )
    merge_adapter: bool = field(
        default=False,
        metadata={"help": "With --use_peft: also write the merged weights, to OUTPUT_DIR/merged."},
    )


@dataclass
class JudgeSftConfig(SFTConfig):
    """TRL's SFTConfig with Flex-Judge's settings as defaults (arXiv 2505.18601, Flex-VL-7B).

    bf16 is on by default where a GPU has it, and off elsewhere.
    """

    _argument_group_name: ClassVar[str] = "training: TRL's SFTConfig"

    learning_rate: float = field(
        default=1e-5, metadata={"help": "Peak learning rate of AdamW; the paper has 7e-6 for Omni."}
    )
    num_train_epochs: float = field(default=1.0, metadata={"help": "Passes over the data."})
    max_length: int | None = field(
        default=4096,
        metadata={"help": "Longest row in tokens. Longer ones are left out and reported, not cut."},
    )
    lr_scheduler_type: SchedulerType | str = field(
        default="cosine", metadata={"help": "Course of the learning rate."}
    )
    warmup_steps: float = field(
        default=0.05, metadata={"help": "Steps of warm-up, or below 1 the share of all steps."}
    )
    weight_decay: float = field(default=1e-4, metadata={"help": "AdamW's weight decay."})
    completion_only_loss: bool | None = field(
        default=True, metadata={"help": "Take the loss on the reply alone."}
    )
    metric_for_best_model: str | None = field(
        default=AGREEMENT,
        metadata={"help": "Figure that --load_best_model_at_end goes by; or e.g. eval_loss."},
    )

    def __post_init__(self) -> None:
        # Without being told, processes that are launched on CPUs do not find each other.
        self.use_cpu = self.use_cpu or not torch.accelerator.is_available()
        has_bf16 = is_torch_bf16_gpu_available() and not self.use_cpu
        if self.bf16 is None:
            self.bf16 = has_bf16 and not self.fp16
        super().__post_init__()  # type: ignore[no-untyped-call]  # TRL leaves it without types
        if self.device.type == "cpu":
            self.dataloader_pin_memory = False  # torch warns of pinning with nothing to pin for
