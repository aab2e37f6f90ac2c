"""The values that flow through a judge: request → prompt → completion → verdict.

All are frozen and hold no behaviour beyond what their own fields decide; standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeVar

from judge.rubrics import Options, Rubric

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
        _check_order(order, len(self.candidates))
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
    """One turn of a prompt: text segments, media and molecules in order."""

    role: Literal["system", "user"]
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
    """A number outside the rubric's scale, or with more decimals than it allows."""
    UNKNOWN_OPTION = "unknown_option"
    """The answer tag holds none of the options."""
    TIED = "tied"
    """Equal scores where the rubric forbids ties."""
    TOO_FEW_VOTES = "too_few_votes"
    """Half of the votes or more, in one order, could not be read."""
    OFF_SCALE_MASS = "off_scale_mass"
    """A soft score was asked for, and no number of the scale was likely enough to be seen."""
    ENGINE_ERROR = "engine_error"
    """The engine failed on this request."""
    DEADLINE = "deadline"
    """No answer within the caller's deadline."""
    SERVER_ERROR = "server_error"
    """The reward server could not be reached, or did not answer as it should."""
    BAD_REQUEST = "bad_request"
    """This sample is not one that can be judged (unreadable picture, …)."""


@dataclass(frozen=True, slots=True)
class SoftScore:
    """What a judge's token probabilities say of one score, at its answer tag.

    ``value`` is the mean of the scale's numbers weighted by their probability, within the scale;
    ``spread`` their standard deviation. ``outside``, in [0, 1], is the probability of everything
    that is no number of the scale (words, other numbers, what was too unlikely to follow).
    """

    value: float
    spread: float
    outside: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores that were read, one a candidate in the request's order.

    ``scores`` are within ``scale`` (low, high). By the choice protocol they are the points that
    the chosen one of ``options`` gives. ``soft`` holds the soft scores where they were asked for,
    and ``scores`` are then their values. A verdict of several replies lists in ``votes`` what each
    said (its candidates in the request's order); ``reasoning`` and ``reply`` are then those of the
    vote nearest to it.
    ``flipped`` is None unless both orders were asked; then it says whether the preferred candidate
    changed with the order. ``reasks`` counts replies that could not be read and were asked again.
    """

    scores: tuple[float, ...]
    scale: tuple[float, float]
    reasoning: str
    reply: str = field(repr=False, default="")
    usage: Usage = Usage()
    options: Options = ()
    soft: tuple[SoftScore, ...] | None = None
    votes: tuple[Verdict | Unjudged, ...] = field(repr=False, default=())
    flipped: bool | None = None
    reasks: int = 0

    @property
    def score(self) -> float:
        """The one candidate's score.

        Raises:
            ValueError: there are several candidates.
        """
        (score,) = self.scores
        return score

    @property
    def best(self) -> int | None:
        """Place of the candidate with the highest score; None where several share it."""
        top = max(self.scores)
        return self.scores.index(top) if self.scores.count(top) == 1 else None

    @property
    def choice(self) -> str | None:
        """The option with these points; None without options, or where votes lie between them."""
        return next((name for name, points in self.options if points == self.scores), None)

    def restored(self, order: tuple[int, ...]) -> Verdict:
        """This verdict on a request ``permuted(order)`` as one on the request before that."""
        _check_order(order, len(self.scores))
        places = [order.index(place) for place in range(len(order))]
        return replace(
            self,
            scores=tuple(self.scores[place] for place in places),
            soft=self.soft and tuple(self.soft[place] for place in places),
            votes=tuple(vote.restored(order) for vote in self.votes),
        )


@dataclass(frozen=True, slots=True)
class Unjudged:
    """No verdict, and why. Never a number. ``detail`` says what came, for a person to read.

    ``votes`` and ``reasks`` as in :class:`Verdict`.
    """

    reason: Reason
    detail: str = ""
    reply: str = field(repr=False, default="")
    usage: Usage = Usage()
    votes: tuple[Verdict | Unjudged, ...] = field(repr=False, default=())
    reasks: int = 0

    def restored(self, order: tuple[int, ...]) -> Unjudged:
        """As :meth:`Verdict.restored`: its votes may hold scores."""
        return replace(self, votes=tuple(vote.restored(order) for vote in self.votes))


Outcome = Verdict | Unjudged


def _check_order(order: tuple[int, ...], count: int) -> None:
    if sorted(order) != list(range(count)):
        raise ValueError(f"an order of {count} candidates names each place once, got {order}")
