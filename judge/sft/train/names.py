"""Weights go by two kinds of names: a model's own, and those in its checkpoint files."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion


def take_names_of_files(model: PreTrainedModel) -> None:
    """Has the model's ``load_state_dict`` take weights by the names of its checkpoint files, too.

    Transformers renames some models' weights as it loads them (Qwen2.5-VL's ``visual.…`` becomes
    ``model.visual.…``) and writes them by their old names. A trainer loads a checkpoint without
    renaming and passes over names that it does not know: a resumed run, and the best weights at a
    run's end, would be the base's again, with no more than a warning.
    """
    own = model.state_dict()
    names = {id(tensor): name for name, tensor in own.items()}
    in_files = revert_weight_conversion(model, dict(own))
    renamed = {name: names[id(tensor)] for name, tensor in in_files.items() if id(tensor) in names}

    def rename(_: torch.nn.Module, weights: dict[str, torch.Tensor], *rest: Any) -> None:
        found = [name for name in renamed if name in weights]
        weights.update({renamed[name]: weights.pop(name) for name in found})

    model.register_load_state_dict_pre_hook(rename)
