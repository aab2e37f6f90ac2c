"""The molecule generator's tokenizer: atoms and bonds of SMILES, words and numbers, one token each.

Atoms are told apart as in Schwaller et al. (arXiv 1711.04810): a bracket atom is one token, and so
are Br, Cl and ring bonds of two digits.
"""

from __future__ import annotations

from itertools import chain

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from judge.molecules import PROPERTIES
from rl_recipes.molecules.data import training_molecules

PAD, END, USER, POLICY, UNKNOWN = "<|pad|>", "<|end|>", "<|user|>", "<|policy|>", "<|unknown|>"

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{ '<|policy|>' + message['content'] + '<|end|>' }}"
    "{%- else -%}{{ '<|user|>' + message['content'] }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|policy|>' }}{%- endif -%}"
)

# What has a leading space is of a wish: SMILES has no spaces. A property and the low end of its
# range are one token: a small model need not learn first to bring a name and a number together.
_NAMES = "|".join(f" {name}" for name in PROPERTIES)
_NUMBER = r" -?\p{N}+(?:\.\p{N}+)?"
_TOKENS = Regex(
    rf"(?:{_NAMES}| to)(?:{_NUMBER})|Find| \p{{L}}+|\[[^\[\]\s]*\]|Br|Cl|%\p{{N}}{{2}}|."
)
_WORDS = ("Find", " a", " molecule", " with", ",", ".")
_WHOLE = tuple(f" {number}" for number in range(81))
_TENTHS = tuple(f" {tenths / 10}" for tenths in range(-100, 131))
ENDS = (
    *(
        tuple(f" {name}{low}" for low in (_TENTHS if name == "logP" else _WHOLE))
        for name in PROPERTIES
    ),
    tuple(f" to{high}" for high in _WHOLE),
    tuple(f" to{high}" for high in _TENTHS),
)
"""Tokens of the ends of ranges, those of one kind together, in the order of their numbers."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer: its vocabulary is the training molecules' tokens and the words of wishes."""
    special = (PAD, END, USER, POLICY, UNKNOWN)
    splitter = pre_tokenizers.Split(_TOKENS, behavior="isolated")
    atoms = sorted(
        {token for smiles in training_molecules() for token, _ in splitter.pre_tokenize_str(smiles)}
    )
    entries = dict.fromkeys((*special, *_WORDS, *chain(*ENDS), *atoms))
    words = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(entries)}, unk_token=UNKNOWN)
    )
    words.pre_tokenizer = splitter
    words.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        additional_special_tokens=[USER, POLICY],
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
