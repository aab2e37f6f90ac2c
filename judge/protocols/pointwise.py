"""Pointwise judging: one candidate, reasoning, one score.

The reply is ``<think>reasoning</think><answer>score</answer>`` (Flex-Judge, arXiv 2505.18601).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from judge.errors import RequestError
from judge.folder import ProtocolPrompts
from judge.molecules import molecule_text
from judge.sanitize import neutralise
from judge.types import (
    Completion,
    Image,
    JudgeRequest,
    Message,
    Outcome,
    Part,
    Prompt,
    Reason,
    Segment,
    Unjudged,
    Verdict,
)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_END_OF_REASONING = re.compile(r"</think>", re.IGNORECASE)
_ANSWER = re.compile(r"<answer>([^<]*)</answer>", re.IGNORECASE)
_START_OF_REASONING = re.compile(r"\s*<think>", re.IGNORECASE)
# One plain decimal number in ASCII digits: "7", " 8.5 ", "+3". Not "7/10", "1e1", "８" or "7.".
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Asks for one score on the rubric's scale."""

    prompts: ProtocolPrompts

    def render(self, request: JudgeRequest) -> Prompt:
        """The prompt: rubric, pictures and question first and the candidate last, so that the
        requests of one question share their prefix (and their picture's encoding) up to it.

        Raises:
            RequestError: the rubric judges molecules, and the candidate is none.
        """
        low, high = map(_decimal, request.rubric.scale)
        ends = {"low": _trusted(low), "high": _trusted(high)}
        candidate = request.candidate
        if request.rubric.candidate == "molecule" and candidate.molecule is None:
            raise RequestError(
                f"rubric {request.rubric.name!r} judges molecules: give the SMILES as 'molecule', "
                "a text could state a card of its own"
            )
        text = candidate.text if candidate.molecule is None else molecule_text(candidate.molecule)
        reference: tuple[Segment | Image, ...] = ()
        if request.reference is not None:
            reference = _fill(self.prompts.reference, {"text": _untrusted((request.reference,))})
        sections = {
            **ends,
            "criteria": _fill(request.rubric.criteria, ends),
            "question": _untrusted(request.question),
            "reference": reference,
            "candidate": _untrusted((text,)),
        }
        return Prompt(
            messages=(
                Message("system", _fill(self.prompts.system, ends)),
                Message("user", _fill(self.prompts.user, sections)),
            ),
            prefill=self.prompts.prefill,
            stop=self.prompts.stop,
        )

    def parse(self, completion: Completion, request: JudgeRequest) -> Outcome:
        """The verdict in a reply, or why there is none. Never raises.

        Read is what follows the last ``</think>``; tags quoted inside the reasoning do not count.
        A reply without any think tag is read as a whole (a judge that answers first). Repeated
        answer tags must agree.
        """
        reply = self.prompts.prefill + completion.text

        def unjudged(reason: Reason, detail: str) -> Unjudged:
            return Unjudged(reason, detail, reply, completion.usage)

        end = max((match.end() for match in _END_OF_REASONING.finditer(reply)), default=0)
        reasoning, rest = reply[: max(0, end - len("</think>"))], reply[end:]
        answers = [match.group(1).strip() for match in _ANSWER.finditer(rest)]
        if not end and "<think>" in reply.lower():
            if completion.finish == "length":
                return unjudged(Reason.TRUNCATED, "the reply ended inside its reasoning")
            return unjudged(Reason.NO_REASONING_END, "no </think> in the reply")
        if not answers:
            if completion.finish == "length":
                return unjudged(Reason.TRUNCATED, "the reply ended before its answer")
            return unjudged(Reason.NO_ANSWER, "no <answer>…</answer> after the reasoning")
        malformed = next((answer for answer in answers if not _NUMBER.fullmatch(answer)), None)
        if malformed is not None:
            return unjudged(Reason.NOT_A_NUMBER, f"expected a number, got {malformed[:80]!r}")
        scores = {float(answer) for answer in answers}
        if len(scores) > 1:
            return unjudged(Reason.SEVERAL_ANSWERS, f"answers disagree: {answers[:4]}")
        score = scores.pop()
        low, high = request.rubric.scale
        if not low <= score <= high:
            return unjudged(Reason.OUT_OF_SCALE, f"{score:g} is outside {low:g} to {high:g}")
        thoughts = _START_OF_REASONING.sub("", reasoning, count=1).strip()
        return Verdict(score, (low, high), thoughts, reply, completion.usage)

    def format(self, reasoning: str, score: float) -> str:
        """A whole reply (prefill included) that :meth:`parse` reads back; for training data."""
        return f"<think>\n{reasoning}\n</think>\n<answer>{_decimal(score)}</answer>"


def _decimal(number: float) -> str:
    """The number as :meth:`Pointwise.parse` reads it: no exponent, at most nine decimals."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _trusted(text: str) -> tuple[Segment | Image, ...]:
    return (Segment(text, trusted=True),)


def _untrusted(parts: tuple[Part, ...]) -> tuple[Segment | Image, ...]:
    """The parts, a line each; texts made harmless."""
    shown: list[Segment | Image] = []
    for part in parts:
        if shown:
            shown.append(Segment("\n", trusted=True))
        shown.append(part if isinstance(part, Image) else Segment(neutralise(part), trusted=False))
    return tuple(shown)


def _fill(
    template: str, values: Mapping[str, tuple[Segment | Image, ...]]
) -> tuple[Segment | Image, ...]:
    """The template with its placeholders filled in one pass; braces inside a value are safe.

    What is in braces and names no value stays as it is. Neighbouring segments of the same
    trust become one.
    """
    filled: list[Segment | Image] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        if match.group(1) not in values:
            continue
        filled.append(Segment(template[position : match.start()], trusted=True))
        filled.extend(values[match.group(1)])
        position = match.end()
    filled.append(Segment(template[position:], trusted=True))
    joined: list[Segment | Image] = []
    for part in filled:
        last = joined[-1] if joined else None
        if isinstance(part, Image):
            joined.append(part)
        elif isinstance(last, Segment) and last.trusted == part.trusted:
            joined[-1] = Segment(last.text + part.text, last.trusted)
        elif part.text:
            joined.append(part)
    return tuple(joined)
