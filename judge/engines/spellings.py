"""Special tokens spelled in texts that a server will tokenise."""

from __future__ import annotations

import re

# Most are told by their form; those that look like ordinary markup are listed.
_SPECIAL = re.compile(
    r"""
      <[|｜][^<>\s]{0,64}>                     # ChatML, Llama 3, harmony, DeepSeek; Gemma 4 opening
    | <[^<>\s]{1,64}[|｜]>                     # Gemma 4 closing
    | </?[A-Za-z]+(?:_[A-Za-z0-9]+){1,8}>      # Gemma's turns, image_soft_token, tool_call, fim_…
    | (?i:</?(?:s|pad|unk|bos|eos|eot|eom|cls|sep|mask|pre|mid|suf|unused\d+
              |image|img|video|audio|box|ref|quad|tools?)>)
    | <</?SYS>>                                # Llama 2
    | \[/?(?:[A-Z]{2,16}(?:_[A-Z]{2,16}){1,4}  # Mistral: TOOL_CALLS, IMG_BREAK, …
            |INST|IMG|THINK|ARGS|AUDIO|TRANSCRIBE|PREFIX|MIDDLE|SUFFIX|CLS|SEP|MASK|PAD|UNK)\]
    | \[(?:multimodal|@BOS@)\]                # Gemma
    """,
    re.VERBOSE,
)


def break_special_tokens(text: str) -> str:
    """The text with a space behind the first character of what spells a special token.

    For engines that cannot choose the token ids: ``<|im_end|>`` becomes ``< |im_end|>``. It knows
    the forms in use (ChatML, Llama, Gemma, Mistral, DeepSeek, …) and does its best: a server
    whose tokenizer has tokens of another form can still be reached by them. Idempotent.
    """
    return _SPECIAL.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)


def is_special_token(text: str) -> bool:
    """Whether the text is the spelling of one special token."""
    return _SPECIAL.fullmatch(text) is not None
