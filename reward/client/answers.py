"""A server's answers, read strictly: what is not an answer to what was asked is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from judge.types import Usage
from judge.verdicts import Reason
from reward.groups.plan import MemberReward
from reward.types import Reward

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a server says of one sample by any protocol. Exactly one of ``scores``, ``reason`` is
    set.

    Args:
        scores: of the candidates, in order, on the rubric's scale; None when unjudged.
        preference: place, from 0, of the candidate with the highest score; None where several share
            it, and of a single candidate.
        choice: the option chosen, by the choice protocol.
        flipped: whether the preference changed with the order, where both were asked.
        votes: the scores of each reply, None where one could not be read; empty after one reply.
        reason: why there are no scores; None when judged.
        detail: when unjudged, what came, for a person to read.
        rationale: the judge's reasoning; empty when unjudged or not asked for.
        cached: whether it was judged for somebody else.
        usage: tokens that the judgement took.
    """

    scores: tuple[float, ...] | None
    preference: int | None = None
    choice: str | None = None
    flipped: bool | None = None
    votes: tuple[tuple[float, ...] | None, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    rationale: str = ""
    cached: bool = False
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        if (self.scores is None) == (self.reason is None):
            raise ValueError(
                "a judgement has either scores or a reason, "
                f"got scores={self.scores!r} and reason={self.reason!r}"
            )


def decode_results(
    answer: Mapping[str, Any], count: int, decode: Callable[[Mapping[str, Any]], T]
) -> list[T]:
    """The results in a server's answer to ``count`` samples.

    Raises:
        ValueError: the answer is not one to that many samples.
    """
    try:
        results = answer["results"]
        if len(results) != count:
            raise ValueError(f"{len(results)} results came for {count} samples")
        return [decode(result) for result in results]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an answer of a reward server: {error!r}") from error


def decode_reward(result: Mapping[str, Any]) -> Reward:
    """A result of ``/v1/rewards``."""
    value, score = result["reward"], result["score"]
    return Reward(
        None if value is None else float(value),
        None if score is None else float(score),
        _reason(result),
        rationale=str(result["rationale"]),
        detail=str(result["detail"]),
        usage=_usage(result),
        parts=tuple((str(name), float(part)) for name, part in result["parts"].items()),
    )


def decode_member(result: Mapping[str, Any]) -> MemberReward:
    """A result of ``/v1/groups``."""
    return MemberReward(decode_reward(result), int(result["asked"]), int(result["judged"]))


def decode_judgement(result: Mapping[str, Any]) -> Judgement:
    """A result of ``/v1/judgements``."""
    return Judgement(
        _scores(result["scores"]),
        preference=result["preference"],
        choice=result["choice"],
        flipped=result["flipped"],
        votes=tuple(_scores(vote) for vote in result["votes"]),
        reason=_reason(result),
        detail=str(result["detail"]),
        rationale=str(result["rationale"]),
        cached=bool(result["cached"]),
        usage=_usage(result),
    )


def _scores(scores: Any) -> tuple[float, ...] | None:
    return None if scores is None else tuple(float(score) for score in scores)


def _reason(result: Mapping[str, Any]) -> Reason | None:
    return None if result["reason"] is None else Reason(result["reason"])


def _usage(result: Mapping[str, Any]) -> Usage:
    usage = result["usage"]
    return Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
