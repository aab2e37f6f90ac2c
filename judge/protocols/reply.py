"""Reading a judge's reply: ``<think>reasoning</think>`` and then its answer tags.

The format is Flex-Judge's (arXiv 2505.18601). Read is what follows the last ``</think>``, so that
tags quoted inside the reasoning do not count; a reply without any think tag is read as a whole (a
judge that answers first).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from judge.types import Completion
from judge.verdicts import Reason

_END_OF_REASONING = re.compile(r"</think>", re.IGNORECASE)
_START_OF_REASONING = re.compile(r"\s*<think>", re.IGNORECASE)
_OPENING = re.compile(r"<think>", re.IGNORECASE)
_ANSWER = re.compile(r"(<answer>)([^<]*)</answer>", re.IGNORECASE)
# One plain decimal number in ASCII digits: "7", "8.5", "+3". Not "7/10", "1e1", "８" or "7.".
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply taken apart. ``answers`` holds the tags' contents without outer white space, and
    ``openings`` the offsets in ``text`` right behind each ``<answer>``.
    """

    text: str
    reasoning: str
    answers: tuple[str, ...]
    openings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a reply or an answer cannot be read."""

    reason: Reason
    detail: str


def is_complete(text: str, needed: int) -> bool:
    """Whether a reply has as many answer tags behind its reasoning as its protocol needs."""
    end = _end_of_reasoning(text)
    if not end and _OPENING.search(text):
        return False
    return len(_ANSWER.findall(text, end)) >= needed


def read_reply(text: str, finish: str, needed: int) -> Reply | Unreadable:
    """The reply's reasoning and its answers, at least one of them.

    Args:
        text: the whole reply, what opened it included.
        finish: as in :class:`~judge.types.Completion`.
        needed: answer tags that the protocol needs.
    """
    end = _end_of_reasoning(text)
    matches = list(_ANSWER.finditer(text, end))
    if not end and _OPENING.search(text):
        if finish == "length":
            return Unreadable(Reason.TRUNCATED, "the reply ended inside its reasoning")
        return Unreadable(Reason.NO_REASONING_END, "no </think> in the reply")
    if len(matches) < needed:
        if finish == "length":
            return Unreadable(Reason.TRUNCATED, "the reply ended before its answer")
        wanted = "no" if not matches else f"{len(matches)} of {needed}"
        return Unreadable(Reason.NO_ANSWER, f"{wanted} <answer>…</answer> after the reasoning")
    reasoning = _START_OF_REASONING.sub("", text[: max(0, end - len("</think>"))], count=1)
    return Reply(
        text,
        reasoning.strip(),
        tuple(match.group(2).strip() for match in matches),
        tuple(match.end(1) for match in matches),
    )


def read_number(
    answer: str, scale: tuple[float, float], decimals: int | None
) -> float | Unreadable:
    """The number in an answer, if it is one of the scale."""
    match = _NUMBER.fullmatch(answer)
    if match is None:
        return Unreadable(Reason.NOT_A_NUMBER, f"expected a number, got {answer[:80]!r}")
    number, (low, high) = float(answer), scale
    if not low <= number <= high:
        return Unreadable(Reason.OUT_OF_SCALE, f"{number:g} is outside {low:g} to {high:g}")
    if decimals is not None and len((match.group(1) or "").rstrip("0")) > decimals:
        return Unreadable(Reason.OUT_OF_SCALE, f"{answer} has more than {decimals} decimals")
    return number


def write_number(number: float) -> str:
    """The number as :func:`read_number` reads it: no exponent, at most nine decimals."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


def write_reply(reasoning: str, answers: list[str]) -> str:
    """A whole reply, what opens it included."""
    tags = "".join(f"<answer>{answer}</answer>" for answer in answers)
    return f"<think>\n{reasoning}\n</think>\n{tags}"


def whole(prefill: str, completion: Completion) -> str:
    """The reply as the judge's prompts open it and its engine went on."""
    return prefill + completion.text


def _end_of_reasoning(text: str) -> int:
    return max((match.end() for match in _END_OF_REASONING.finditer(text)), default=0)
