"""A trained judge on disk: a checkpoint that transformers and vLLM load, with its judge.toml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from peft import PeftModel
from transformers import PreTrainedModel, Qwen2_5OmniConfig, Trainer
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from judge.folder import ADAPTER_FILE, FILE
from judge.sft.train.base import Base, load_weights

Weights = dict[str, torch.Tensor]
MERGED = "merged"
"""Folder of the merged weights, in that of the adapter."""


def save_weights(trainer: Trainer, base: Base, dtype: torch.dtype, folder: Path) -> None:
    """Writes the trained weights, or the adapter, with the base's processor.

    To be called in every process: sharded weights are gathered, and one process writes.

    Args:
        trainer: whose model.
        base: what it was made from.
        dtype: number format of the file.
        folder: where to.
    """
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        if is_peft_model(model):
            # Not asked for: the embeddings, and the base's config from the hub to compare them.
            model.save_pretrained(
                folder, state_dict=cast(weights, dtype), save_embedding_layers=False
            )
            _name_base(folder, base)
        else:
            _write_checkpoint(model, weights, base, dtype, folder)
        base.processor().save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()


def save_merged(base: Base, dtype: torch.dtype, adapter: Path) -> None:
    """Writes the base with its adapter merged in, to a folder in that of the adapter.

    They are merged in float32, and rounded once.
    """
    unset_hf_deepspeed_config()  # loading must not shard: one process does this
    model = load_weights(base, revision=base.revision, dtype=torch.float32)
    merged: Any = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    folder = adapter / MERGED
    _write_checkpoint(merged, merged.state_dict(), base, dtype, folder)
    base.processor().save_pretrained(folder)


def write_judge_file(text: str, folder: Path) -> None:
    """Makes the folder a judge."""
    (folder / FILE).write_text(text, encoding="utf-8")


def cast(weights: Weights, dtype: torch.dtype) -> Weights:
    """The weights in another number format; tensors that were one stay one, so that what is tied
    is written once.
    """
    made: dict[int, torch.Tensor] = {}
    for tensor in weights.values():
        if tensor.data_ptr() not in made:
            to = dtype if tensor.is_floating_point() else tensor.dtype
            made[tensor.data_ptr()] = tensor.to("cpu", to)
    return {name: made[tensor.data_ptr()] for name, tensor in weights.items()}


def _write_checkpoint(
    model: PreTrainedModel, weights: Weights, base: Base, dtype: torch.dtype, folder: Path
) -> None:
    weights = cast(weights, dtype)
    if base.is_omni:
        weights = {f"thinker.{name}": tensor for name, tensor in weights.items()}
    model.save_pretrained(folder, state_dict=weights)
    if base.is_omni:
        # vLLM knows the thinker as what is left of a whole Qwen2.5-Omni without its voice.
        whole = Qwen2_5OmniConfig(thinker_config=model.config.to_dict(), enable_audio_output=False)
        whole.architectures = ["Qwen2_5OmniModel"]
        whole.save_pretrained(folder)
    _state_dtype(folder, dtype)


def _state_dtype(folder: Path, dtype: torch.dtype) -> None:
    """Has config.json state the number format of the file; it states that of training."""
    path = folder / "config.json"
    name = str(dtype).removeprefix("torch.")

    def stated(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: name if key == "dtype" else stated(each) for key, each in value.items()}

    config = stated(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _name_base(folder: Path, base: Base) -> None:
    """Has the adapter name its base as others know it."""
    path = folder / ADAPTER_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.name
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
