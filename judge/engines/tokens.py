"""From a prompt to token ids in which text from a request can hold no special token."""

from __future__ import annotations

import re
from typing import Any

from judge.errors import EngineError
from judge.types import (
    Audio,
    Image,
    Media,
    Message,
    MoleculeSlot,
    Prompt,
    Segment,
    Video,
)

# Stands for the n-th untrusted text while the chat template is rendered. Private-use characters:
# untrusted text is not rendered at all, and no shipped prompt holds them.
_MARK = "\ue000{}\ue001"
_CONTENT_TYPES: dict[type[Media], str] = {Image: "image", Video: "video", Audio: "audio"}
_OWN_TAGS = {"<think>", "</think>", "<answer>", "</answer>"}
_MARKS = re.compile("\ue000(\\d+)\ue001")


def prompt_token_ids(prompt: Prompt, tokenizer: Any) -> list[int]:
    """Token ids of the prompt under the tokenizer's chat template, ``prefill`` and ``begun`` included.

    The template is rendered with a mark in place of each untrusted text; each such text is then
    tokenised on its own, in pieces that hold no token added to the vocabulary whole, so whatever it
    spells is plain text. A picture is the template's own placeholder, once; the engine expands it.

    Args:
        prompt: what to encode.
        tokenizer: a Hugging Face tokenizer with a chat template.

    Raises:
        EngineError: the tokenizer has no chat template, or one that drops part of the prompt; or
            it finds a special token in untrusted text all the same.
    """
    if tokenizer.chat_template is None:
        raise EngineError(
            "the checkpoint has no chat template; a judge has to be a chat model "
            "(add chat_template.jinja to its folder)"
        )
    untrusted: list[str] = []
    messages = [
        {"role": message.role, "content": _content(message, untrusted)}
        for message in prompt.messages
    ]
    rendered = _render(messages, tokenizer)
    pieces = _MARKS.split(rendered + prompt.prefill)
    if pieces[1::2] != [str(index) for index in range(len(untrusted))] or not all(
        part.text.strip() in rendered
        for message in prompt.messages
        for part in message.parts
        if isinstance(part, Segment) and part.trusted
    ):
        raise EngineError("the checkpoint's chat template drops or repeats part of the prompt")
    added = tokenizer.get_added_vocab()
    ids: list[int] = []
    for position, piece in enumerate(pieces):
        if position % 2 == 0:
            ids.extend(_encode(piece, tokenizer))
        else:
            ids.extend(_encode_plain(untrusted[int(piece)], tokenizer, added))
    # What the judge wrote may quote a candidate; only its own tags can be tokens of their own.
    own = {token: number for token, number in added.items() if token not in _OWN_TAGS}
    ids.extend(_encode_plain(prompt.begun, tokenizer, own))
    return ids


def _render(messages: list[dict[str, Any]], tokenizer: Any) -> str:
    from jinja2 import TemplateError

    try:
        rendered: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
    except (TemplateError, TypeError, ValueError) as error:  # e.g. a picture for a text-only model
        raise EngineError(f"the checkpoint's chat template refuses the prompt: {error}") from error
    return rendered


def _encode(text: str, tokenizer: Any) -> list[int]:
    if not text:
        return []
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _encode_plain(text: str, tokenizer: Any, added: dict[str, int]) -> list[int]:
    """Ids of a text, none an added token: what spells one is cut behind its first character."""
    forbidden = re.compile(
        "|".join(re.escape(token) for token in added if len(token) > 1) or "(?!)"
    )
    ids: list[int] = []
    start = 0
    while match := forbidden.search(text, start):
        ids.extend(_encode(text[start : match.start() + 1], tokenizer))
        start = match.start() + 1
    ids.extend(_encode(text[start:], tokenizer))
    if not {added[token] for token in added if len(token) > 1}.isdisjoint(ids):
        raise EngineError(
            "a text of the request would be read as a special token; it is not judged"
        )
    return ids


def _content(message: Message, untrusted: list[str]) -> str | list[dict[str, str]]:
    """The message's content for a chat template; untrusted texts go to the list, marks stay."""
    parts: list[dict[str, str]] = []
    for part in message.parts:
        if isinstance(part, MoleculeSlot):
            raise EngineError("this engine has no molecule encoder to show a molecule by")
        if not isinstance(part, Segment):
            parts.append({"type": _CONTENT_TYPES[type(part)]})
            continue
        text = part.text
        if not part.trusted:
            text = _MARK.format(len(untrusted))
            untrusted.append(part.text)
        if parts and parts[-1]["type"] == "text":
            parts[-1] = {"type": "text", "text": parts[-1]["text"] + text}
        else:
            parts.append({"type": "text", "text": text})
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]  # templates of text-only models take nothing else
    return parts
