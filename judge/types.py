"""The values that flow through a judge: request → prompt → completion → verdict.

All are frozen and hold no behaviour beyond what their own fields decide; standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from judge.rubrics import Rubric

PartT = TypeVar("PartT")


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


@dataclass(frozen=True, slots=True)
class Video:
    """Checked frames of a video, in order, ``fps`` of them a second.

    Made by :func:`judge.media.load_video`. All frames have the same size; ``sha256`` is the hex
    digest over theirs and ``fps``.
    """

    frames: tuple[Image, ...] = field(repr=False)
    fps: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Audio:
    """A checked recording: one channel, :data:`SAMPLE_RATE` samples a second.

    Made by :func:`judge.media.load_audio`. ``data`` holds little-endian 32-bit floats in [-1, 1],
    ``sha256`` their hex digest.
    """

    data: bytes = field(repr=False)
    sha256: str

    @property
    def seconds(self) -> float:
        return len(self.data) / 4 / SAMPLE_RATE


SAMPLE_RATE = 16_000
"""Samples a second of every :class:`Audio`."""

Media = Image | Video | Audio
Part = str | Media
"""A piece of a question: text, or something to see or hear."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged: a text, media, or a molecule by its SMILES. Media are shown before the text.

    How a molecule is shown is the judge's matter: a card, a drawing, or embeddings.
    """

    text: str = ""
    molecule: str | None = None
    media: tuple[Media, ...] = ()


ProtocolName = Literal["pointwise", "pairwise", "listwise", "choice"]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """Candidates to be judged, by one protocol.

    ``question`` is what they answer, as text and media in order; ``reference`` a known good
    answer, if there is one; ``id`` comes back in nothing and is for the caller's logs.
    """

    question: tuple[Part, ...]
    candidates: tuple[Candidate, ...]
    rubric: Rubric
    reference: str | None = None
    id: str = ""
    protocol: ProtocolName = "pointwise"

    def permuted(self, order: tuple[int, ...]) -> JudgeRequest:
        """The same request with candidate ``order[i]`` at place ``i``.

        :meth:`Verdict.restored` with the same order maps its verdict back.

        Raises:
            ValueError: ``order`` is not a permutation of the candidates' places.
        """
        check_order(order, len(self.candidates))
        return replace(self, candidates=tuple(self.candidates[place] for place in order))

    def swapped(self) -> JudgeRequest:
        """The same request with its candidates the other way round."""
        return self.permuted(self.backward)

    @property
    def backward(self) -> tuple[int, ...]:
        """The order that turns the candidates round, last first."""
        return tuple(reversed(range(len(self.candidates))))


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of prompt text. What is not ``trusted`` came from a request: an engine must turn it
    into tokens so that it can hold no special token.
    """

    text: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class MoleculeSlot:
    """Place of a valid molecule that the engine shows as embeddings, by its molecule encoder."""

    smiles: str


PromptPart = Segment | Media | MoleculeSlot


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt: text segments, media and molecules in order. A policy's prompt may hold
    turns of its own.
    """

    role: Literal["system", "user", "assistant"]
    parts: tuple[PromptPart, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine is given.

    ``prefill`` opens the reply, and ``begun`` is what the judge has written after it so far (not
    trusted: it may quote a candidate). The engine goes on from there; neither is part of the
    completion. Generation ends after one of ``stop``, which the completion includes.
    """

    messages: tuple[Message, ...]
    prefill: str = ""
    stop: tuple[str, ...] = ()
    begun: str = ""

    def parts(self, *kinds: type[PartT]) -> tuple[PartT, ...]:
        """The prompt's parts of these kinds, in order."""
        return tuple(p for m in self.messages for p in m.parts if isinstance(p, kinds))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one judgement; ``cached_tokens`` of the prompt came from the prefix cache.

    Of a judgement that took several replies, the sum over all of them.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine wrote.

    ``finish`` is ``"stop"`` after a stop text, ``"end"`` where the model ended its reply, and
    ``"length"`` where it ran into ``max_tokens``.
    """

    text: str
    finish: Literal["stop", "end", "length"]
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class NextToken:
    """One token that a reply could go on with, and its natural log-probability (at most 0)."""

    text: str
    logprob: float


def check_order(order: tuple[int, ...], count: int) -> None:
    """Raises ValueError where ``order`` is not a permutation of ``count`` places."""
    if sorted(order) != list(range(count)):
        raise ValueError(f"an order of {count} candidates names each place once, got {order}")
