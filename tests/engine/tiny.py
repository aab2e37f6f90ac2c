"""Tiny checkpoints with random weights, one an architecture: what they write means nothing, that
they see, hear and read what they are given does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2_5OmniConfig,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    WhisperFeatureExtractor,
)

from judge.folder import FILE, builtin_profile

HIDDEN = 64
PATCH = 14
"""Pixels of a vision patch; 2x2 patches of two frames are one token."""
MEL_BINS = 16
VOCABULARY = 400
ROWS = VOCABULARY + 12
"""Rows of the embedding table: vLLM asks for more than the tokenizer has."""
CONTEXT = 2048
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<|audio_pad|>",
)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'text' -%}{{ part['text'] }}"
    "{%- elif part['type'] == 'audio' -%}{{ '<|audio_start|><|audio_pad|><|audio_end|>' }}"
    "{%- else -%}{{ '<|vision_start|><|' + part['type'] + '_pad|><|vision_end|>' }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
_TEXT = {
    "vocab_size": ROWS,
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,  # 32 wide each, the least that vLLM runs on a CPU
    "num_key_value_heads": 1,
    "max_position_embeddings": CONTEXT,
    "initializer_range": HIDDEN**-0.5,
    "bos_token_id": None,
    "eos_token_id": SPECIAL_TOKENS.index("<|im_end|>"),
}
_ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 6, 6]}
_VISION = {
    "depth": 2,
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_heads": 2,
    "out_hidden_size": HIDDEN,
    "patch_size": PATCH,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [1],
    "initializer_range": HIDDEN**-0.5,
}
_VISION_OF_QWEN3 = frozenset(_VISION) - {"window_size", "fullatt_block_indexes"}


def qwen_vl(folder: Path) -> Path:
    """A Qwen2.5-VL: text, pictures, videos."""
    tokenizer = _tokenizer()
    ids = tokenizer.get_vocab()
    config = Qwen2_5_VLConfig(
        text_config={**_TEXT, "rope_parameters": _ROPE, "tie_word_embeddings": True},
        vision_config={**_VISION, "tokens_per_second": 2},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    _save(Qwen2_5_VLForConditionalGeneration(config), tokenizer, folder)
    Qwen2_5_VLProcessor(
        image_processor=_image_processor(),
        video_processor=_video_processor(),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return _judge(folder, "text", "image", "video")


def qwen3_vl(folder: Path) -> Path:
    """A Qwen3-VL: text and pictures."""
    tokenizer = _tokenizer()
    ids = tokenizer.get_vocab()
    vision = {name: value for name, value in _VISION.items() if name in _VISION_OF_QWEN3}
    config = Qwen3VLConfig(
        text_config={**_TEXT, "head_dim": HIDDEN // 2, "rope_parameters": _ROPE},
        vision_config={**vision, "deepstack_visual_indexes": [0], "num_position_embeddings": 64},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    torch.manual_seed(0)
    _save(Qwen3VLForConditionalGeneration(config), tokenizer, folder)
    Qwen3VLProcessor(
        image_processor=_image_processor(),
        video_processor=_video_processor(),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return _judge(folder, "text", "image")


def qwen_omni(folder: Path) -> Path:
    """A Qwen2.5-Omni without its voice: text, pictures, videos, recordings."""
    tokenizer = _tokenizer()
    ids = tokenizer.get_vocab()
    thinker = Qwen2_5OmniThinkerConfig(
        text_config={**_TEXT, "rope_parameters": _ROPE, "tie_word_embeddings": False},
        vision_config=_VISION,
        audio_config={
            "num_mel_bins": MEL_BINS,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 128,
            "d_model": HIDDEN,
            "output_dim": HIDDEN,
            "initializer_range": HIDDEN**-0.5,
        },
        audio_token_index=ids["<|audio_pad|>"],
        image_token_index=ids["<|image_pad|>"],
        video_token_index=ids["<|video_pad|>"],
        audio_start_token_id=ids["<|audio_start|>"],
        audio_end_token_id=ids["<|audio_end|>"],
        initializer_range=HIDDEN**-0.5,
    )
    torch.manual_seed(0)
    model = Qwen2_5OmniThinkerForConditionalGeneration(thinker)
    _save(model, tokenizer, folder, prefix="thinker.")
    config = Qwen2_5OmniConfig(thinker_config=thinker.to_dict(), enable_audio_output=False)
    config.architectures = ["Qwen2_5OmniModel"]
    config.save_pretrained(folder)
    Qwen2_5OmniProcessor(
        image_processor=_image_processor(),
        video_processor=_video_processor(),
        feature_extractor=WhisperFeatureExtractor(
            feature_size=MEL_BINS, chunk_length=8, return_attention_mask=True
        ),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return _judge(folder, "text", "image", "video", "audio")


def llama(folder: Path) -> Path:
    """A Llama: text, and molecules by embeddings where a test adds an encoder."""
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**_TEXT, tie_word_embeddings=False))
    _save(model, tokenizer, folder)
    return _judge(folder, "text", "molecule")


def _tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, trained on the default prompts so that they are not too long."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    prompts = builtin_profile("default").protocols["pointwise"]
    bpe.train_from_iterator([prompts.system, prompts.user] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "audio_token": "<|audio_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
            "audio_bos_token": "<|audio_start|>",
            "audio_eos_token": "<|audio_end|>",
        },
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


_SIZE = {"shortest_edge": (2 * PATCH) ** 2, "longest_edge": (8 * PATCH) ** 2}


def _image_processor() -> Any:
    return Qwen2VLImageProcessor(patch_size=PATCH, merge_size=2, temporal_patch_size=2, size=_SIZE)


def _video_processor() -> Any:
    return Qwen2VLVideoProcessor(patch_size=PATCH, merge_size=2, temporal_patch_size=2, size=_SIZE)


def _save(model: Any, tokenizer: Any, folder: Path, prefix: str = "") -> None:
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    weights = {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)


def _judge(folder: Path, *modalities: str) -> Path:
    """Makes the checkpoint a judge folder of the default prompts."""
    source = builtin_profile("default").source
    before, _, after = source.partition("modalities = ")
    _, _, after = after.partition("\n")
    (folder / FILE).write_text(f"{before}modalities = {list(modalities)}\n{after}")
    return folder
