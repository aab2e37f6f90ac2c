"""The nano family's tokenizer: byte-level BPE, so that any text can be encoded."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from judge.folder import builtin_profile
from judge.nano.scenes import draw_scene
from judge.nano.tasks import long_sample, short_sample
from judge.rubrics import RUBRICS, load_rubric

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
VOCABULARY = 1_120
"""Tokens of the tokenizer; the model has a few rows more, which vLLM asks for."""

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'text' -%}{{ part['text'] }}"
    "{%- else -%}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
"""Chat markup in the manner of ChatML, the one Qwen2.5-VL speaks."""

# Words and numbers with their leading space, other digits one by one (as Qwen splits them), marks,
# white space.
_WORDS = Regex(r" -?\p{N}+(?:\.\p{N}+)?|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s+")
_NUMBERS = "".join(f" {number}" for number in (*range(100), *(n / 10 for n in range(-60, 130))))
"""Each becomes one token: copied digit by digit, a model this small mixes up a card's numbers."""


def train_tokenizer(seed: int = 0, samples: int = 6000) -> PreTrainedTokenizerFast:
    """Trains the tokenizer on texts of the world and on the shipped prompts and rubrics."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_corpus(random.Random(seed), samples), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        padding_side="left",
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
        },
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _corpus(rng: random.Random, samples: int) -> Iterator[str]:
    pointwise = builtin_profile("default").protocols["pointwise"]
    for _ in range(400):  # often enough that every word of the prompts becomes one token
        yield from (pointwise.system, pointwise.user, pointwise.reference)
        yield from (load_rubric(name).criteria for name in RUBRICS)
        yield "<think>\n</think>\n<answer></answer> picture image valid: no"
        yield _NUMBERS
    for _ in range(samples):
        make = short_sample if rng.random() < 0.3 else long_sample
        sample = make(rng, draw_scene(rng), rng.random() < 0.3)
        yield from (sample.system, sample.user.replace("\ufffc", ""), sample.reply)
