"""Texts of a request, made harmless before they enter a prompt.

A policy under reinforcement learning finds any string that raises its reward. What is
done here keeps a text from forging the *form* of a prompt: invisible and direction-changing
characters go, tags of the reply become look-alikes, section headings and the turns of chat
templates that spell them in plain text lose their brackets. The words stay readable, and an
ordinary text passes unchanged. Special tokens of a model are the engines' matter: they tokenise
such text so that it cannot hold one.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 20_000
"""Longest text of a request that is shown to a judge; the rest is cut, and the cut is shown."""
CUT = " […]"

# Quantifiers over what may be long are possessive (*+), so that no text makes matching slow.
#
# Any tag a protocol reads, spaced or attributed or left open for what follows to close.
_TAG = re.compile(r"<(\s*+/?\s*+(?:think|answer)\b)([^<>\n]{0,40}>)?", re.IGNORECASE)
# A line that is one bracketed heading, as sections of a prompt have, also with a colon or in
# Markdown's emphasis; "[Na+]" is none.
_NAME = r"[^\S\n]*+[^\W\d_](?:\w|[^\S\n]|['’‘`´\u0300-\u036f\u200c-\u200d\ufe0e-\ufe0f]){2,60}"
_HEADING = re.compile(
    rf"^((?:[^\S\n]|[#>*_~`])*+)\[({_NAME})\](?=(?:[^\S\n]|[:.*_~`])*+$)", re.MULTILINE
)
# Turns that Llama 2 and the first Mistral models spell in plain text, not in special tokens.
_TURN = re.compile(r"\[(/?INST)\]|<<(/?SYS)>>", re.IGNORECASE)
# Line ends that a tokenizer or a reader may take for one.
_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
# Invisible characters whose category does not tell: Unicode's Default_Ignorable_Code_Point.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0000-\U000e0fff]"
)
# Joiners and selectors have a use behind a character that is not ASCII (in Persian, Hindi, emoji):
# there, one of each is kept; what hides a message in a row of them is not.
_JOINER = "\u200c\u200d\ufe0e\ufe0f"
_JOINERS = re.compile(
    rf"(?<=[^\x00-\x7f\s{_JOINER}])([\ufe0e\ufe0f][\u200c\u200d]?|[\u200c\u200d])|[{_JOINER}]"
)


def neutralise(text: str) -> str:
    """The text with nothing in it that could pass for the prompt's own structure.

    Idempotent, and the identity on text without such marks.
    """
    is_cut = len(text) > 2 * MAX_CHARACTERS
    text = _visible(_LINE_ENDS.sub("\n", text[: 2 * MAX_CHARACTERS]))
    text = _TAG.sub(_look_alike, text)
    text = _TURN.sub(_bare_turn, text)
    text = _HEADING.sub(r"\1(\2)", text)
    if is_cut or len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS - len(CUT)] + CUT
    return text


def _visible(text: str) -> str:
    """The text without control, format (zero-width, bidirectional), surrogate, private-use and
    other characters that show nothing.
    """
    if _PLAIN.fullmatch(text):
        return text
    hidden = {ord(mark): None for mark in set(text) if mark not in _KEPT and _is_hidden(mark)}
    return _JOINERS.sub(r"\1", _IGNORABLE.sub("", text.translate(hidden)))


_KEPT = "\n\t" + _JOINER
_PLAIN = re.compile(r"[\n\t -~]*+")


def _is_hidden(mark: str) -> bool:
    return unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Co"}


def _look_alike(tag: re.Match[str]) -> str:
    rest = tag[2]
    return f"‹{tag[1]}{rest[:-1]}›" if rest else f"‹{tag[1]}"


def _bare_turn(turn: re.Match[str]) -> str:
    return f"({turn[1]})" if turn[1] else f"‹‹{turn[2]}››"
