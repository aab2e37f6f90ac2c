"""The values that flow through a judge: request → prompt → completion → verdict.

All are frozen and hold no behaviour beyond what their own fields decide; standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from judge.rubrics import Rubric


@dataclass(frozen=True, slots=True)
class Image:
    """A checked picture: an encoded file and what is known of it.

    Made by :func:`judge.media.load_image`. ``data`` is PNG or JPEG bytes, ``sha256`` their hex
    digest, ``width`` and ``height`` in pixels.
    """

    data: bytes = field(repr=False)
    sha256: str
    width: int
    height: int


Part = str | Image
"""A piece of a question: text, or a picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged: a text, or a molecule by its SMILES (shown with its card)."""

    text: str = ""
    molecule: str | None = None


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One thing to be judged.

    ``question`` is what the candidate answers, as text and pictures in order; ``reference`` a
    known good answer, if there is one; ``id`` comes back in nothing and is for the caller's logs.
    """

    question: tuple[Part, ...]
    candidate: Candidate
    rubric: Rubric
    reference: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of prompt text. What is not ``trusted`` came from a request: an engine must turn it
    into tokens so that it can hold no special token.
    """

    text: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt: text segments and pictures in order."""

    role: Literal["system", "user"]
    parts: tuple[Segment | Image, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine is given.

    ``prefill`` opens the reply, which the engine goes on from; it is not part of the completion.
    Generation ends after one of ``stop``, which the completion includes.
    """

    messages: tuple[Message, ...]
    prefill: str = ""
    stop: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(p for message in self.messages for p in message.parts if isinstance(p, Image))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one judgement; ``cached_tokens`` of the prompt came from the prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine wrote. ``finish`` is ``"length"`` where it ran into ``max_tokens``."""

    text: str
    finish: Literal["stop", "length"]
    usage: Usage = Usage()


class Reason(StrEnum):
    """Why there is no verdict."""

    TRUNCATED = "truncated"
    """The reply ran into ``max_tokens`` before its answer."""
    NO_REASONING_END = "no_reasoning_end"
    """Reasoning was opened and never closed."""
    NO_ANSWER = "no_answer"
    """No answer tag after the reasoning."""
    SEVERAL_ANSWERS = "several_answers"
    """Answer tags that disagree."""
    NOT_A_NUMBER = "not_a_number"
    """The answer tag holds something else than one plain decimal number."""
    OUT_OF_SCALE = "out_of_scale"
    """A number outside the rubric's scale."""
    ENGINE_ERROR = "engine_error"
    """The engine failed on this request."""
    DEADLINE = "deadline"
    """No answer within the caller's deadline."""
    SERVER_ERROR = "server_error"
    """The reward server could not be reached, or did not answer as it should."""
    BAD_REQUEST = "bad_request"
    """This sample is not one that can be judged (unreadable picture, …)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score that was read. ``score`` is within ``scale`` (low, high)."""

    score: float
    scale: tuple[float, float]
    reasoning: str
    reply: str = field(repr=False, default="")
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Unjudged:
    """No verdict, and why. Never a number. ``detail`` says what came, for a person to read."""

    reason: Reason
    detail: str = ""
    reply: str = field(repr=False, default="")
    usage: Usage = Usage()


Outcome = Verdict | Unjudged
