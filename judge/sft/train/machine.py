"""TRL's configurations, with device and number format as the machine has them."""

from __future__ import annotations

from typing import Any

import torch
from transformers.utils.import_utils import is_torch_bf16_gpu_available


class FitsMachine:
    """Goes before a configuration of TRL's among the bases of a dataclass.

    bf16 is on by default where a GPU has it, and off elsewhere.
    """

    def __post_init__(self) -> None:
        config: Any = self  # whose fields come with the other base
        # Without being told, processes that are launched on CPUs do not find each other.
        config.use_cpu = config.use_cpu or not torch.accelerator.is_available()
        has_bf16 = is_torch_bf16_gpu_available() and not config.use_cpu
        if config.bf16 is None:
            config.bf16 = has_bf16 and not config.fp16
        super().__post_init__()  # type: ignore[misc]  # the other base's
        if config.device.type == "cpu":
            config.dataloader_pin_memory = False  # torch warns of pinning with nothing to pin for
