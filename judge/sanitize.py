"""Texts of a request, made harmless before they enter a prompt.

A policy under reinforcement learning finds any string that raises its reward. What is
done here keeps a text from forging the *form* of a prompt: invisible and direction-changing
characters go, tags of the reply become look-alikes, section headings lose their brackets. The
words stay readable, and an ordinary text passes unchanged. Special tokens of a model are
the engines' matter: they tokenise such text so that it cannot hold one.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 20_000
"""Longest text of a request that is shown to a judge; the rest is cut, and the cut is shown."""
CUT = " […]"

# Any tag a protocol reads, spaced or attributed or left open for what follows to close. Repeats are
# bounded, here and below, so that no text makes matching slow.
_TAG = re.compile(r"<(\s{0,8}/?\s{0,8}(?:think|answer)\b)([^<>\n]{0,40}>)?", re.IGNORECASE)
# A line that is one bracketed heading, as sections of a prompt have; "[Na+]" is none.
_HEADING = re.compile(r"^([^\S\n]{0,8})\[([^\W\d_][\w '’]{2,60})\](?=[^\S\n]{0,8}$)", re.MULTILINE)
# Line ends that a tokenizer or a reader may take for one.
_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")


def neutralise(text: str) -> str:
    """The text with nothing in it that could pass for the prompt's own structure.

    Idempotent, and the identity on text without such marks.
    """
    is_cut = len(text) > 2 * MAX_CHARACTERS
    text = _LINE_ENDS.sub("\n", text[: 2 * MAX_CHARACTERS])
    text = "".join(mark for mark in text if mark in "\n\t" or _is_visible(mark))
    text = _TAG.sub(_look_alike, text)
    text = _HEADING.sub(r"\1(\2)", text)
    if is_cut or len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS - len(CUT)] + CUT
    return text


def _look_alike(tag: re.Match[str]) -> str:
    rest = tag[2]
    return f"‹{tag[1]}{rest[:-1]}›" if rest else f"‹{tag[1]}"


def _is_visible(mark: str) -> bool:
    """False for control, format (zero-width, bidirectional), surrogate and private characters."""
    return unicodedata.category(mark) not in {"Cc", "Cf", "Cs", "Co"}
