"""Small tokenizers in the manner of four model families, trained here on a few texts.

Each has its family's way of splitting text, the added and special tokens of its family by their
real spelling, and a chat template that writes the same turns. Only the vocabulary of plain words is
small. Nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from judge.folder import builtin_profile
from judge.rubrics import RUBRICS, load_rubric

# Of each family: special tokens, and tokens that are added but not special.
QWEN = """
<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|>
<|box_end|> <|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|>
<|image_pad|> <|video_pad|> <|AUDIO|> <|audio_bos|> <|audio_eos|> <|IMAGE|> <|VIDEO|>
<|vision_bos|> <|vision_eos|> <tts_pad> <tts_text_bos> <tts_text_eod> <tts_text_bos_single>
"""
QWEN_ADDED = """
<tool_call> </tool_call> <tool_response> </tool_response> <think> </think> <|fim_prefix|>
<|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>
"""
LLAMA = """
<|begin_of_text|> <|end_of_text|> <|finetune_right_pad_id|> <|step_id|> <|start_header_id|>
<|end_header_id|> <|eom_id|> <|eot_id|> <|python_tag|> <|image|> <|reserved_special_token_0|>
<|reserved_special_token_1|> <|header_start|> <|header_end|> <|eom|> <|eot|> <|image_start|>
<|image_end|> <|patch|> <|tile_x_separator|> <|tile_y_separator|>
"""
GEMMA = """
<pad> <eos> <bos> <unk> <mask> [multimodal] <start_of_turn> <end_of_turn> <start_of_image>
<end_of_image> <image_soft_token>
"""
GEMMA_ADDED = "<2mass> [@BOS@] <table> </table> <h1> </h1> <code> </code> <i> </i> <strong>"
GEMMA_SPACES = [*("\n" * length for length in range(1, 8)), *("▁" * n for n in range(2, 8))]
GEMMA_UNUSED = [f"<unused{number}>" for number in range(100)]
MISTRAL = """
<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS]
[/TOOL_RESULTS] [TOOL_CALLS] [IMG] <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX]
[SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT] [ARGS] [CALL_ID] [AUDIO] [BEGIN_AUDIO]
[TRANSCRIBE] [THINK] [/THINK] [MODEL_SETTINGS] [/MODEL_SETTINGS]
"""
MISTRAL_UNUSED = [f"<SPECIAL_{number}>" for number in range(20, 100)]

QWEN_TEMPLATE = """\
{%- if messages[0].role != 'system' -%}
<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' }}
{%- if message.content is string -%}{{ message.content }}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
{%- elif part.type == 'audio' -%}<|audio_bos|><|AUDIO|><|audio_eos|>
{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{{ '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
"""
# As in Llama 3.2 Vision: no system prompt beside a picture.
LLAMA_TEMPLATE = """\
{{- bos_token -}}
{%- set media = namespace(any=false) -%}
{%- for message in messages -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}{%- set media.any = true -%}{%- endif -%}
{%- endfor -%}{%- endfor -%}
{%- if media.any and messages[0].role == 'system' -%}
{{ raise_exception('Prompting with images is incompatible with system messages.') }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}
{%- if message.content is string -%}{{ message.content | trim }}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|image|>{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}{%- endif -%}
<|eot_id|>
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif -%}
"""
# As in Gemma 3: no system turn, every text trimmed.
GEMMA_TEMPLATE = """\
{{- bos_token -}}
{%- set opening = namespace(text='') -%}
{%- if messages[0].role == 'system' -%}
{%- set opening.text = messages[0].content + '\n\n' -%}
{%- set messages = messages[1:] -%}
{%- endif -%}
{%- for message in messages -%}
{{ '<start_of_turn>' + message.role + '\n' + (opening.text if loop.first else '') }}
{%- if message.content is string -%}{{ message.content | trim }}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}<start_of_image>{%- else -%}{{ part.text | trim }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}
"""
# As in Mistral Small 3.1 (tekken, v7).
MISTRAL_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{ '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' }}
{%- elif message.content is string -%}{{ '[INST]' + message.content + '[/INST]' }}
{%- else -%}[INST]
{%- for part in message.content -%}
{%- if part.type == 'image' -%}[IMG]{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}[/INST]
{%- endif -%}
{%- endfor -%}
"""
PICTURES = {
    "qwen": "<|image_pad|>",
    "llama": "<|image|>",
    "gemma": "<start_of_image>",
    "mistral": "[IMG]",
}
"""The families, and the token that stands for a picture in each."""
FAMILIES = tuple(PICTURES)

_SPLITS = {
    "qwen": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "mistral": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}


@cache
def family_tokenizer(family: str) -> Any:
    """The tokenizer of that family, with its chat template."""
    return _MAKERS[family]()


def _qwen() -> Any:
    bpe = _byte_level("qwen")
    bpe.normalizer = normalizers.NFC()
    return _wrap(bpe, QWEN.split(), QWEN_ADDED.split(), QWEN_TEMPLATE, eos_token="<|im_end|>")


def _llama() -> Any:
    names = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    return _wrap(_byte_level("llama"), LLAMA.split(), [], LLAMA_TEMPLATE, **names)


def _mistral() -> Any:
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    special = [*MISTRAL.split(), *MISTRAL_UNUSED]
    return _wrap(_byte_level("mistral"), special, [], MISTRAL_TEMPLATE, **names)


def _gemma() -> Any:
    """SentencePiece's way: spaces become "▁", nothing splits words, bytes are a last resort."""
    spaces = normalizers.Replace(" ", "▁")
    learned = Tokenizer(models.BPE())
    learned.normalizer = spaces
    learned.pre_tokenizer = pre_tokenizers.Split(Regex("▁+|\n+|[^▁\n]+"), "isolated")
    learned.train_from_iterator(_texts(), BpeTrainer(vocab_size=700, show_progress=False))
    model = json.loads(learned.to_str())["model"]
    added = [*GEMMA_SPACES, *GEMMA_UNUSED, *GEMMA_ADDED.split()]
    data = [f"<0x{byte:02X}>" for byte in range(256)]
    names = [*GEMMA.split(), *added, *data, *model["vocab"]]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    merges = [tuple(merge) for merge in model["merges"]]
    bpe = Tokenizer(
        models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    bpe.normalizer = spaces
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    roles = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return _wrap(bpe, GEMMA.split(), added, GEMMA_TEMPLATE, **roles)


def _byte_level(family: str) -> Tokenizer:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLITS[family]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=800, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(_texts(), trainer)
    return bpe


def _wrap(
    bpe: Tokenizer, special: Iterable[str], added: Iterable[str], template: str, **names: str
) -> Any:
    bpe.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    bpe.add_tokens([AddedToken(token, normalized=False) for token in added])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, **names)
    tokenizer.chat_template = template
    return tokenizer


def _texts() -> list[str]:
    """The shipped prompts and rubrics: what a real vocabulary would know as words."""
    prompts = [
        text
        for protocol in builtin_profile("default").protocols.values()
        for text in (protocol.system, protocol.user, protocol.candidate)
    ]
    criteria = [load_rubric(name).criteria for name in RUBRICS]
    return [
        *prompts,
        *criteria,
        "a  b   c    d\n\n\ne \n \n<think>answer</think> [INST] [IMG] ",
    ] * 20


_MAKERS = {"qwen": _qwen, "llama": _llama, "gemma": _gemma, "mistral": _mistral}
