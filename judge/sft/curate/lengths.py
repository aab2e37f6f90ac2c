"""How long a piece of reasoning is, in tokens."""

from __future__ import annotations

from collections.abc import Callable

from judge.errors import MissingExtraError, RequestError

CountTokens = Callable[[str], int]

TOKENS_PER_WORD = 4 / 3
"""Of English text; what white space parts is a word."""


def token_counter(tokenizer: str | None) -> CountTokens:
    """What counts the tokens of a text, without special ones.

    Args:
        tokenizer: path or hub id of a Hugging Face tokenizer. Without one, tokens are estimated:
            words × :data:`TOKENS_PER_WORD`.

    Raises:
        RequestError: no such tokenizer.
        MissingExtraError: transformers is needed and not installed.
    """
    if tokenizer is None:
        return estimate_tokens
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", "transformers") from error
    try:
        loaded = AutoTokenizer.from_pretrained(tokenizer)
    except (OSError, ValueError) as error:
        raise RequestError(f"no tokenizer {tokenizer!r}: {error}") from error
    return lambda text: len(loaded.encode(text, add_special_tokens=False))


def estimate_tokens(text: str) -> int:
    return round(len(text.split()) * TOKENS_PER_WORD)
