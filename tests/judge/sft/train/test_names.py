"""A model takes its weights by the names of its files, as a trainer loads a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from judge.sft.train.base import find_base, load_weights
from judge.sft.train.names import take_names_of_files
from tests.engine import tiny


@pytest.mark.parametrize("make", [tiny.llama, tiny.qwen_vl, tiny.qwen3_vl, tiny.qwen_omni])
def test_weights_in_a_file_are_taken(make: Callable[[Path], Path], tmp_path: Path) -> None:
    from trl import ModelConfig

    base = find_base(ModelConfig(model_name_or_path=str(make(tmp_path / "base"))))
    model: Any = load_weights(base, dtype=torch.float32)
    take_names_of_files(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.save_pretrained(tmp_path / "saved")
    for parameter in model.parameters():
        parameter.data.zero_()
    model.load_state_dict(load_file(tmp_path / "saved" / "model.safetensors"), strict=False)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    model.load_state_dict(before)  # by its own names as ever
