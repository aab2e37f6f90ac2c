"""What all protocols share: the prompt's layout, and how scores are read and written."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from judge.errors import RequestError
from judge.profile import MoleculeView, ProtocolPrompts
from judge.protocols.reply import (
    Reply,
    Unreadable,
    read_number,
    read_reply,
    whole,
    write_number,
    write_reply,
)
from judge.protocols.template import Parts, fill, trusted, untrusted
from judge.protocols.views import show_candidate
from judge.rubrics import Rubric
from judge.types import Completion, JudgeRequest, Message, Prompt, ProtocolName
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict

Distribution = Mapping[str, float]
"""Probabilities of the answers that one tag may hold, as they are written; they sum to at most 1,
and what lacks is the probability of everything else."""


@dataclass(frozen=True, slots=True)
class JudgingProtocol(ABC):
    """One format: how candidates are put to a judge, and how its reply is read.

    ``molecules`` tells how a molecule is shown.
    """

    name: ClassVar[ProtocolName]
    prompts: ProtocolPrompts
    molecules: MoleculeView = "card"

    @abstractmethod
    def check(self, request: JudgeRequest) -> None:
        """Whether this protocol takes the request.

        Raises:
            RequestError: it does not; the message says what it takes.
        """

    @abstractmethod
    def needed(self, request: JudgeRequest) -> int:
        """Answer tags in a whole reply."""

    @abstractmethod
    def scale(self, request: JudgeRequest) -> tuple[float, float]:
        """Lowest and highest of a verdict's scores."""

    @abstractmethod
    def read(self, reply: Reply, request: JudgeRequest) -> tuple[float, ...] | Unreadable:
        """The candidates' scores in the answers of a reply."""

    @abstractmethod
    def write(self, scores: tuple[float, ...], request: JudgeRequest) -> list[str]:
        """The answers that state these scores."""

    @abstractmethod
    def is_answer(self, answer: str, request: JudgeRequest) -> bool:
        """Whether a tag may hold this, outer white space aside."""

    @abstractmethod
    def starts_answer(self, text: str, request: JudgeRequest) -> bool:
        """Whether something that a tag may hold, closing aside, could begin so."""

    @abstractmethod
    def soften(
        self, tags: tuple[Distribution, ...], request: JudgeRequest
    ) -> tuple[SoftScore, ...] | None:
        """Soft scores of the candidates; None where a tag has no answer of any probability."""

    def render(self, request: JudgeRequest) -> Prompt:
        """The prompt: rubric, media and question first and the candidates last, so that the
        requests of one question share their prefix (and their media's encoding) up to them.

        Raises:
            RequestError: a request that this protocol does not take, or a candidate that the
                rubric does not.
        """
        self.check(request)
        prompts = self.prompts
        system, shared = _shared(prompts, request.rubric, len(request.candidates))
        sections = {
            **shared,
            "question": untrusted(request.question),
            "reference": (
                ()
                if request.reference is None
                else fill(prompts.reference, {"text": untrusted((request.reference,))})
            ),
            "candidates": self._candidates(request),
        }
        return Prompt(
            messages=(system, Message("user", fill(prompts.user, sections))),
            prefill=prompts.prefill,
            stop=prompts.stop,
        )

    def parse(self, completion: Completion, request: JudgeRequest) -> Outcome:
        """The verdict in a reply, or why there is none. Never raises."""
        text = whole(self.prompts.prefill, completion)
        reply = read_reply(text, completion.finish, self.needed(request))
        scores = reply if isinstance(reply, Unreadable) else self.read(reply, request)
        if isinstance(reply, Unreadable) or isinstance(scores, Unreadable):
            why = scores if isinstance(scores, Unreadable) else reply
            assert isinstance(why, Unreadable)
            return Unjudged(why.reason, why.detail, text, completion.usage)
        return Verdict(
            scores,
            self.scale(request),
            reply.reasoning,
            text,
            completion.usage,
            options=self.options(request),
        )

    def options(self, request: JudgeRequest) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """The options of a choice; none in a protocol that scores."""
        return ()

    def format(self, reasoning: str, scores: tuple[float, ...], request: JudgeRequest) -> str:
        """A whole reply (prefill included) that :meth:`parse` reads back; for training data."""
        return write_reply(reasoning, self.write(scores, request))

    def _candidates(self, request: JudgeRequest) -> Parts:
        rows: list[Parts] = []
        for place, candidate in enumerate(request.candidates):
            values = {
                "number": trusted(str(place + 1)),
                "letter": trusted(chr(ord("A") + place)),
                "text": show_candidate(candidate, request.rubric, self.molecules),
            }
            rows.append(fill(self.prompts.candidate, values))
        return tuple(part for row in rows for part in row)


@dataclass(frozen=True, slots=True)
class ScoringProtocol(JudgingProtocol):
    """A protocol whose reply holds one number of the rubric's scale for each candidate."""

    least: ClassVar[int]
    most: ClassVar[int]

    def check(self, request: JudgeRequest) -> None:
        count = len(request.candidates)
        if not self.least <= count <= self.most:
            bounds = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
            raise RequestError(f"{self.name} judging takes {bounds} candidates, got {count}")

    def needed(self, request: JudgeRequest) -> int:
        return len(request.candidates)

    def scale(self, request: JudgeRequest) -> tuple[float, float]:
        return request.rubric.scale

    def read(self, reply: Reply, request: JudgeRequest) -> tuple[float, ...] | Unreadable:
        scores = []
        for answer in reply.answers:
            number = read_number(answer, request.rubric.scale, request.rubric.decimals)
            if isinstance(number, Unreadable):
                return number
            scores.append(number)
        return self.choose(tuple(scores), request)

    @abstractmethod
    def choose(
        self, scores: tuple[float, ...], request: JudgeRequest
    ) -> tuple[float, ...] | Unreadable:
        """One score a candidate, of all the scores in a reply."""

    def write(self, scores: tuple[float, ...], request: JudgeRequest) -> list[str]:
        return [write_number(score) for score in scores]

    def is_answer(self, answer: str, request: JudgeRequest) -> bool:
        rubric = request.rubric
        return not isinstance(read_number(answer, rubric.scale, rubric.decimals), Unreadable)

    def starts_answer(self, text: str, request: JudgeRequest) -> bool:
        # A digit more makes a number of a sign, of "7." and of any shorter number.
        return text in {"", "+", "-"} or not isinstance(
            read_number(f"{text}0" if text.endswith((".", "+", "-")) else text, _ANY, None),
            Unreadable,
        )

    def soften(
        self, tags: tuple[Distribution, ...], request: JudgeRequest
    ) -> tuple[SoftScore, ...] | None:
        soft = [soft_score([(float(answer), mass) for answer, mass in tag.items()]) for tag in tags]
        return None if None in soft else tuple(each for each in soft if each)


@dataclass(frozen=True, slots=True)
class ComparingProtocol(ScoringProtocol):
    """A scoring protocol of several candidates: equal scores are refused where the rubric forbids
    ties.
    """

    def choose(
        self, scores: tuple[float, ...], request: JudgeRequest
    ) -> tuple[float, ...] | Unreadable:
        count = len(request.candidates)
        if len(scores) != count:
            return Unreadable(
                Reason.SEVERAL_ANSWERS, f"{len(scores)} answers for {count} candidates"
            )
        if request.rubric.ties == "forbidden" and len(set(scores)) < count:
            return Unreadable(Reason.TIED, f"the rubric forbids ties, got {scores}")
        return scores


@lru_cache(maxsize=256)
def _shared(
    prompts: ProtocolPrompts, rubric: Rubric, count: int
) -> tuple[Message, Mapping[str, Parts]]:
    """What all prompts about ``count`` candidates have in common: the system turn, and the
    values that the user's turn is filled with.
    """
    ends = {
        "low": trusted(write_number(rubric.scale[0])),
        "high": trusted(write_number(rubric.scale[1])),
        "count": trusted(str(count)),
        "ties": trusted(prompts.no_ties if rubric.ties == "forbidden" else ""),
        "options": trusted(", ".join(f"[[{name}]]" for name, _ in rubric.options)),
    }
    system = Message("system", fill(prompts.system, ends))
    return system, {**ends, "criteria": fill(rubric.criteria, ends)}


def soft_score(values: list[tuple[float, float]]) -> SoftScore | None:
    """The soft score of values with their probabilities; None where these are all zero."""
    inside = sum(mass for _, mass in values)
    if inside <= 0:
        return None
    mean = sum(value * mass for value, mass in values) / inside
    variance = sum((value - mean) ** 2 * mass for value, mass in values) / inside
    return SoftScore(mean, math.sqrt(variance), max(0.0, 1 - inside))


_ANY = (-math.inf, math.inf)
