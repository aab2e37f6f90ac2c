"""The checkpoint that becomes a judge: found, loaded for training, its towers left alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoProcessor, PreTrainedConfig, PreTrainedModel
from trl import ModelConfig, SFTConfig, get_peft_config, get_quantization_config

from judge.errors import JudgeFolderError, RequestError
from judge.folder import embedded_checkpoint
from judge.sft.train.names import take_names_of_files

TOWERS = frozenset(
    {"visual", "vision_tower", "vision_model", "audio_tower", "multi_modal_projector"}
)
"""Names of the modules that see and hear, in the architectures of transformers."""
OMNI, OMNI_THINKER = "qwen2_5_omni", "qwen2_5_omni_thinker"


@dataclass(frozen=True, slots=True)
class Base:
    """A checkpoint to start from.

    ``name`` is what others know it by: a hub id, the name of an embedded checkpoint, or the
    absolute path of a folder. ``weights`` is what transformers loads.
    """

    name: str
    weights: str
    revision: str
    config: PreTrainedConfig

    @property
    def is_omni(self) -> bool:
        return self.config.model_type in {OMNI, OMNI_THINKER}

    def processor(self) -> Any:
        """Its processor, or its tokenizer where it takes text alone; with a chat template.

        Raises:
            RequestError: it has none.
        """
        processor = AutoProcessor.from_pretrained(self.weights, revision=self.revision)
        tokenizer = getattr(processor, "tokenizer", processor)
        tokenizer.chat_template = tokenizer.chat_template or processor.chat_template
        if tokenizer.chat_template is None:
            raise RequestError(
                f"the base {self.name} has no chat template; a judge has to be a chat model (take "
                "its instruction-tuned sibling, or add chat_template.jinja to its folder)"
            )
        return processor


def find_base(model: ModelConfig) -> Base:
    """The checkpoint that ``model_name_or_path`` names.

    Raises:
        RequestError: it names none, or one that transformers does not know.
    """
    name = model.model_name_or_path
    if not name:
        raise RequestError(
            "no base: give --model_name_or_path, a hub id such as Qwen/Qwen2.5-VL-7B-Instruct, "
            "the path of a checkpoint folder, or nano-base"
        )
    path, revision = Path(name).expanduser(), model.model_revision
    if path.is_dir():
        name = weights = str(path.resolve())
    else:
        try:
            weights = str(embedded_checkpoint(name))
        except JudgeFolderError:
            weights = name
    try:
        config = AutoConfig.from_pretrained(weights, revision=revision)
    except (OSError, ValueError) as error:
        raise RequestError(f"the base {name} cannot be loaded: {error}") from error
    return Base(name, weights, revision, config)


def load_model(
    base: Base, model: ModelConfig, training: SFTConfig, freeze_towers: bool
) -> PreTrainedModel:
    """The base, ready to be fine-tuned; see :func:`load_trainable`."""
    init_kwargs: Any = training.model_init_kwargs  # TRL has read its text
    loaded = load_trainable(base, model, init_kwargs, freeze_towers)
    if training.packing or training.padding_free:
        _keep_packed_rows_apart(loaded)
    return loaded


def load_trainable(
    base: Base, model: ModelConfig, init_kwargs: dict[str, Any] | None, freeze_towers: bool
) -> PreTrainedModel:
    """The base, ready for a trainer of TRL's.

    Args:
        base: which.
        model: how its weights are loaded.
        init_kwargs: further arguments of ``from_pretrained``, which win.
        freeze_towers: leave what sees and hears as it is.

    Raises:
        RequestError: an architecture that writes no text.
    """
    options: dict[str, Any] = {
        "revision": base.revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        "quantization_config": get_quantization_config(model),
        **(init_kwargs or {}),
    }
    loaded = load_weights(base, **options)
    take_names_of_files(loaded)
    if freeze_towers:
        for parameter in _tower_parameters(loaded):
            parameter.requires_grad_(False)
    if loaded.base_model is loaded:
        # TRL runs the base model and the head apart. The thinker of Qwen2.5-Omni names a base model
        # that it does not have; that of its text is what TRL wants.
        loaded.base_model_prefix = "model"
    return loaded


def load_weights(base: Base, **options: Any) -> PreTrainedModel:
    """The model of the base; of a whole Qwen2.5-Omni the thinker, which is what writes.

    Args:
        base: which.
        options: arguments of ``from_pretrained``.
    """
    config = base.config.thinker_config if base.config.model_type == OMNI else base.config
    kind = _model_class(base, config)
    loaded: PreTrainedModel = kind.from_pretrained(base.weights, config=config, **options)
    return loaded


def adapter_config(model: ModelConfig, loaded: PreTrainedModel, freeze_towers: bool) -> Any:
    """PEFT's configuration as ``--use_peft`` and ``--lora_…`` say, or None without an adapter.

    Where no ``--lora_target_modules`` are named, all linear layers are adapted, the head and frozen
    towers aside: PEFT knows no default for most multimodal models.
    """
    config: Any = get_peft_config(model)
    if config is None:
        return None
    config.target_modules = config.target_modules or "all-linear"
    if freeze_towers and _tower_parameters(loaded):
        config.exclude_modules = rf"(.*\.)?({'|'.join(sorted(TOWERS))})(\..*)?"
    return config


def _model_class(base: Base, config: PreTrainedConfig) -> Any:
    if base.is_omni:
        return transformers.Qwen2_5OmniThinkerForConditionalGeneration
    name = (config.architectures or ["none"])[0]
    kind = getattr(transformers, name, None)
    if kind is None or not kind.can_generate():
        raise RequestError(
            f"the base {base.name} has the architecture {name}, expected one that writes text and "
            "that transformers has, such as Qwen2_5_VLForConditionalGeneration or LlamaForCausalLM"
        )
    return kind


def _tower_parameters(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    return [
        parameter
        for name, parameter in model.named_parameters()
        if not TOWERS.isdisjoint(name.split("."))
    ]


def _keep_packed_rows_apart(model: PreTrainedModel) -> None:
    """Has rows that are packed into one sequence not see each other.

    Decoders with a position in time, height and width (Qwen-VL, Qwen-Omni) find where a row begins
    only in position ids of four parts, the position in the text first; TRL gives them that alone.
    With flash attention they are told in another way as well.
    """
    rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    if "mrope_section" not in rope:
        return

    def in_four_parts(
        decoder: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positions = kwargs.get("position_ids")  # shape (1, tokens)
        if positions is not None and positions.ndim == 2:
            kwargs = {**kwargs, "position_ids": positions[None].expand(4, -1, -1)}
        return args, kwargs

    model.get_decoder().register_forward_pre_hook(in_four_parts, with_kwargs=True)
