"""Policies from disk: a checkpoint, an embedded one by its name, or a LoRA adapter's folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoProcessor
from trl import ModelConfig

from judge.folder import ADAPTER_FILE
from judge.sft.train.base import Base, find_base, load_trainable
from rl_recipes.recipe import Policy

_PACKAGE = Path(__file__).parent


def find_policy(model: ModelConfig) -> Base:
    """The checkpoint that ``model_name_or_path`` names: a path, a hub id, one that ships.

    Raises:
        RequestError: it names none, or one that transformers does not know.
    """
    for weights in _PACKAGE.glob("*/weights"):
        shipped = weights / (model.model_name_or_path or "")
        if (shipped / "config.json").is_file():
            return find_base(replace(model, model_name_or_path=str(shipped)))
    return find_base(model)


def load_processor(base: Base) -> Any:
    """The processor of a base, or its tokenizer where it takes text alone; it pads on the left, as
    generation needs.
    """
    return AutoProcessor.from_pretrained(base.weights, revision=base.revision, padding_side="left")


def open_policy(name: str, model: ModelConfig) -> Policy:
    """A policy to be measured, on the accelerator where there is one.

    Args:
        name: as :func:`find_policy` takes it, or the folder of a LoRA adapter.
        model: how weights are loaded; its name aside.

    Raises:
        RequestError: there is no such checkpoint, or the adapter's base cannot be found.
    """
    adapter = Path(name) / ADAPTER_FILE
    is_adapter = adapter.is_file()
    base_name = _base_of(adapter) if is_adapter else name
    base = find_policy(replace(model, model_name_or_path=base_name))
    loaded: Any = load_trainable(base, model, None, freeze_towers=False)
    if is_adapter:
        loaded = PeftModel.from_pretrained(loaded, name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Policy(loaded.to(device).eval(), load_processor(base))


def _base_of(adapter: Path) -> str:
    config = json.loads(adapter.read_text(encoding="utf-8"))
    return str(config["base_model_name_or_path"])
