"""From a prompt to token ids in which text from a request can hold no special token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count, pairwise
from typing import Any

from judge.errors import EngineError
from judge.types import (
    Audio,
    Image,
    Media,
    MoleculeSlot,
    Prompt,
    PromptPart,
    Segment,
    Video,
)

# Stands for the n-th untrusted text or molecule while the chat template is rendered. Private-use
# characters: untrusted text is not rendered at all, and no shipped prompt holds them.
_MARK = "\ue000{}\ue001"
_CONTENT_TYPES: dict[type[Media], str] = {Image: "image", Video: "video", Audio: "audio"}
_OWN_TAGS = frozenset({"<think>", "</think>", "<answer>", "</answer>"})
_TRUSTED = "trusted"
_MARKED = ("marked", "")

Layout = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Role of each message, with kind and trusted text of its parts."""
Content = dict[str, str]
_MARKS = re.compile("\ue000(\\d+)\ue001")


SLOT = -1
"""Stands for an id where a molecule's embeddings go."""
_KEPT_TEXTS, _KEPT_CHARACTERS = 256, 20_000
"""How many texts' ids are kept, and the longest of them: a group's samples share their question."""


def prompt_token_ids(prompt: Prompt, tokenizer: Any, slots: int = 0) -> list[int]:
    """Token ids of the prompt under the tokenizer's chat template, ``prefill`` and ``begun``
    included.

    The template is rendered with a mark in place of each untrusted text; each such text is then
    tokenised on its own, in pieces that hold no token added to the vocabulary whole, so whatever it
    spells is plain text. Media are the template's own placeholders, once each; the engine expands
    them.

    Args:
        prompt: what to encode.
        tokenizer: a Hugging Face tokenizer with a chat template.
        slots: how many times :data:`SLOT` stands for a molecule that is shown as embeddings.

    Raises:
        EngineError: the tokenizer has no chat template, or one that drops part of the prompt; or
            it finds a special token in untrusted text all the same; or a molecule is to be shown
            as embeddings and there are no ``slots``.
    """
    if prompt.parts(MoleculeSlot) and slots < 1:
        raise EngineError("this engine has no molecule encoder to show a molecule by")
    turns = (turn for turn in prompt.messages if turn.parts)  # a judge may have no system prompt
    layout = tuple((turn.role, tuple(map(_shape, turn.parts))) for turn in turns)
    template = getattr(tokenizer, "chat_template", None)  # not every tokenizer knows of templates
    trusted = _trusted_ids(tokenizer, template, layout, prompt.prefill)
    marked = [each for turn in prompt.messages for each in turn.parts if _shape(each) == _MARKED]
    plain = _plain_encoder(tokenizer, frozenset())
    ids = list(trusted[0])
    for part, following in zip(marked, trusted[1:], strict=True):
        ids += plain(part.text) if isinstance(part, Segment) else [SLOT] * slots
        ids += following
    # What the judge wrote may quote a candidate; only its own tags can be tokens of their own.
    return [*ids, *_plain_encoder(tokenizer, _OWN_TAGS)(prompt.begun)]


@lru_cache(maxsize=256)
def _trusted_ids(
    tokenizer: Any, template: str | None, layout: Layout, prefill: str
) -> tuple[tuple[int, ...], ...]:
    """Ids before, between and behind a prompt's marks: the same for a whole dataset."""
    if template is None:
        raise EngineError(
            "the checkpoint has no chat template; a judge has to be a chat model "
            "(add chat_template.jinja to its folder)"
        )
    rendered = _render(layout, tokenizer)
    pieces = _MARKS.split(rendered + prefill)
    parts = [part for _, parts in layout for part in parts]
    marks = [str(index) for index in range(parts.count(_MARKED))]
    if pieces[1::2] != marks or not all(
        text.strip() in rendered for kind, text in parts if kind == _TRUSTED
    ):
        raise EngineError("the checkpoint's chat template drops or repeats part of the prompt")
    return tuple(tuple(_encode(piece, tokenizer)) for piece in pieces[::2])


def _shape(part: PromptPart) -> tuple[str, str]:
    """What of a part decides how the template is rendered: its kind, and its text if trusted."""
    if isinstance(part, Segment):
        return (_TRUSTED, part.text) if part.trusted else _MARKED
    if isinstance(part, MoleculeSlot):
        return _MARKED
    return _CONTENT_TYPES[type(part)], ""


def _content(parts: tuple[tuple[str, str], ...], marks: Iterator[int]) -> str | list[Content]:
    """A message's content for a chat template, with its marks."""
    content: list[Content] = []
    for kind, trusted in parts:
        if kind not in {_TRUSTED, _MARKED[0]}:
            content.append({"type": kind})
            continue
        text = trusted if kind == _TRUSTED else _MARK.format(next(marks))
        if content and content[-1]["type"] == "text":
            content[-1] = {"type": "text", "text": content[-1]["text"] + text}
        else:
            content.append({"type": "text", "text": text})
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]  # templates of text-only models take nothing else
    return content


def _render(layout: Layout, tokenizer: Any) -> str:
    """The prompt in the chat template, with its marks.

    Where a template takes no system prompt (Gemma 2, the first Mistral models), or none beside a
    picture (Llama 3.2 Vision), the user's turn opens with it, as Gemma 3's own template does it.
    """
    from jinja2 import TemplateError

    refusals = (TemplateError, TypeError, ValueError)  # e.g. a picture for a text-only model
    try:
        return _apply(layout, tokenizer)
    except refusals as error:
        refusal = error
    try:
        return _apply(_without_system(layout), tokenizer)
    except refusals:
        raise EngineError(
            f"the checkpoint's chat template refuses the prompt: {refusal}"
        ) from refusal


def _apply(layout: Layout, tokenizer: Any) -> str:
    marks = count()
    messages = [{"role": role, "content": _content(parts, marks)} for role, parts in layout]
    rendered: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    return rendered


def _without_system(layout: Layout) -> Layout:
    """The same with the system prompt's parts and an empty line in front of the user's."""
    (role, system), *others = layout
    if role != "system" or not others:
        return layout
    (user, parts), *rest = others
    return ((user, (*system, (_TRUSTED, "\n\n"), *parts)), *rest)


def _encode(text: str, tokenizer: Any) -> list[int]:
    if not text:
        return []
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


@lru_cache(maxsize=16)
def _plain_encoder(tokenizer: Any, allowed: frozenset[str]) -> Callable[[str], Sequence[int]]:
    """Encodes texts so that no id is an added token, those allowed aside.

    What comes out as one is cut behind its first character; where nothing in the text spells it (a
    tokenizer may fold characters), the text is cut between all of them.
    """
    added = {
        number: token
        for token, number in tokenizer.get_added_vocab().items()
        if _is_markup(token) and token not in allowed
    }

    def encode(text: str) -> list[int]:
        ids = _encode(text, tokenizer)
        found = added.keys() & set(ids)
        if not found:
            return ids
        if len(text) == 1:
            raise EngineError(
                "a text of the request would be read as a special token; it is not judged"
            )
        spelled = re.compile("|".join(re.escape(added[number]) for number in found))
        cuts = [match.start() + 1 for match in spelled.finditer(text)] or range(1, len(text))
        pieces = (text[start:end] for start, end in pairwise((0, *cuts, len(text))))
        return [number for piece in pieces for number in encode(piece)]

    @lru_cache(maxsize=_KEPT_TEXTS)
    def encode_short(text: str) -> tuple[int, ...]:
        return tuple(encode(text))

    return lambda text: encode_short(text) if len(text) <= _KEPT_CHARACTERS else encode(text)


def _is_markup(token: str) -> bool:
    """False for single characters and white space that were added to a vocabulary, as Gemma's
    runs of line ends and spaces: plain text is made of them.
    """
    return len(token) > 1 and not token.replace("▁", " ").isspace()
