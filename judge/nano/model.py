"""The nano family's architecture, a stock Qwen2.5-VL of 1.8 million parameters."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from judge.nano.scenes import CELL
from judge.nano.tokenizer import VOCABULARY

PATCH = CELL // 2
"""Pixels a vision patch is wide; 2x2 patches are merged into one token."""
PICTURE_TOKENS = 9
"""Tokens of one scene's picture: the 3x3 grid."""
HIDDEN = 128
INIT_STD = HIDDEN**-0.5
"""Standard deviation of random weights. At the stock 0.02 a model this narrow attends almost evenly
at first, and had not learned to copy a word after 600 steps."""


def make_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    """The configuration; ``head_dim`` is 32, the least that vLLM runs on CPU."""

    def token(name: str) -> int:
        return tokenizer.get_vocab()[name]

    text = {
        "vocab_size": VOCABULARY + 12,
        "hidden_size": HIDDEN,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 6, 6],
        },
        "tie_word_embeddings": True,
        "initializer_range": INIT_STD,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_heads": 4,
        "out_hidden_size": HIDDEN,
        "patch_size": PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
        "initializer_range": INIT_STD,
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def make_model(
    tokenizer: PreTrainedTokenizerFast, seed: int = 0
) -> Qwen2_5_VLForConditionalGeneration:
    """A randomly initialised model in float32."""
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(make_config(tokenizer))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def make_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLProcessor:
    """The stock processor; any picture is brought to at most the 84x84 pixels of the world."""
    limits = {"shortest_edge": (2 * PATCH) ** 2, "longest_edge": (6 * PATCH) ** 2}
    common = {"patch_size": PATCH, "merge_size": 2, "temporal_patch_size": 2, "size": limits}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**common),
        video_processor=Qwen2VLVideoProcessor(**common),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )


def save_checkpoint(
    model: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, folder: Path
) -> None:
    """Writes a bf16 checkpoint that stock transformers and vLLM load."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    model.config.dtype = torch.bfloat16
    model.save_pretrained(folder, state_dict=weights)
    processor.save_pretrained(folder)
