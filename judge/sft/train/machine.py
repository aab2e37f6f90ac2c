"""TRL's configurations, with device and number format as the machine has them."""

from __future__ import annotations

from typing import Any

from accelerate.utils import parse_flag_from_env
from transformers.utils.import_utils import is_torch_bf16_gpu_available


class FitsMachine:
    """Goes before a configuration of TRL's among the bases of a dataclass.

    bf16 is on by default where a GPU has it, and off elsewhere.
    """

    def __post_init__(self) -> None:
        config: Any = self  # whose fields come with the other base
        # Accelerate's own use_cpu says where processes run; TRL asks for it a second time.
        config.use_cpu = config.use_cpu or parse_flag_from_env("ACCELERATE_USE_CPU")
        has_bf16 = is_torch_bf16_gpu_available() and not config.use_cpu
        if config.bf16 is None:
            config.bf16 = has_bf16 and not config.fp16
        super().__post_init__()  # type: ignore[misc]  # the other base's
        if config.device.type == "cpu":
            config.dataloader_pin_memory = False  # torch warns of pinning with nothing to pin for
