"""What comes out of judging: a verdict, or why there is none. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from judge.rubrics import Options
from judge.types import Usage, check_order


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
    usage: Usage = field(default_factory=Usage)
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
        check_order(order, len(self.scores))
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
    usage: Usage = field(default_factory=Usage)
    votes: tuple[Verdict | Unjudged, ...] = field(repr=False, default=())
    reasks: int = 0

    def restored(self, order: tuple[int, ...]) -> Unjudged:
        """As :meth:`Verdict.restored`: its votes may hold scores."""
        return replace(self, votes=tuple(vote.restored(order) for vote in self.votes))


Outcome = Verdict | Unjudged
