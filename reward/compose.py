"""A reward of several terms: gates first, then the judge and what can be measured without it.

Trainers add the terms of several reward functions with ``nansum``, where a missing judge counts as
0. Here they meet in one function, and without the judge's term there is no reward.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from judge.rubrics import Rubric
from judge.types import Candidate
from reward.terms import Term
from reward.types import Parts, Reward

JUDGE = "judge"
"""Name of the judge's part."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that a candidate has to meet to be judged at all.

    Met where ``term`` gives at least ``at_least``, in [0, 1]. A candidate that fails it gets
    ``value`` as its reward, and costs no call of the judge.

    Raises:
        ValueError: ``at_least`` outside [0, 1], or a value that is not finite.
    """

    name: str
    term: Term
    value: float
    at_least: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.at_least <= 1:
            raise ValueError(f"gate {self.name!r}: at_least is in [0, 1], got {self.at_least}")
        if not math.isfinite(self.value):
            raise ValueError(f"gate {self.name!r}: the value must be finite, got {self.value}")


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term beside the judge's.

    Raises:
        ValueError: the weight is not above 0, or not finite.
    """

    name: str
    term: Term
    weight: float

    def __post_init__(self) -> None:
        _check_weight(self.name, self.weight)


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate before the judge: its parts so far, and its reward where it fails a gate."""

    parts: Parts
    gated: Reward | None = None


@dataclass(frozen=True, slots=True)
class ComposedReward:
    """Gates, the judge by a rubric, and terms.

    The reward of a candidate that meets all gates is the mean of the judge's reward ``r`` and of
    the terms ``t``, weighted by ``judge_weight`` and theirs:

        (w_judge · r + Σ w_i · t_i) / (w_judge + Σ w_i)

    It lies in [0, 1] where the rubric's ``reward_range`` does, and is missing where ``r`` is.

    Args:
        name: what a server offers it as, beside its rubrics.
        rubric: name of the rubric that the judge goes by.

    Raises:
        ValueError: two parts of one name, one named ``"judge"``, or a weight that is not above 0.
    """

    name: str
    rubric: str
    gates: tuple[Gate, ...] = ()
    terms: tuple[WeightedTerm, ...] = ()
    judge_weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(JUDGE, self.judge_weight)
        names = self.part_names
        if len(set(names)) < len(names):
            raise ValueError(
                f"the parts of {self.name!r} need names of their own, got {', '.join(names)} "
                f"({JUDGE!r} is the judge's)"
            )

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of all parts that a reward may have."""
        parts: tuple[Gate | WeightedTerm, ...] = (*self.gates, *self.terms)
        return (JUDGE, *(part.name for part in parts))

    def fingerprint(self, rubric: Rubric) -> str:
        """The name, and eight hex digits that change with the rubric and with any setting."""
        settings = f"{self!r} {rubric.fingerprint()}"
        return f"{self.name}-{sha256(settings.encode()).hexdigest()[:8]}"

    def measure(self, candidate: Candidate) -> Measured:
        """What is known of a candidate before the judge is asked; the first gate it fails decides.

        Raises:
            ValueError: a term gave something else than a number in [0, 1].
        """
        parts: Parts = ()
        for gate in self.gates:
            value = _measure(gate.name, gate.term, candidate)
            parts += ((gate.name, value),)
            if value < gate.at_least:
                detail = f"fails the gate {gate.name!r}"
                return Measured(parts, Reward(gate.value, detail=detail, parts=parts))
        parts += tuple(
            (term.name, _measure(term.name, term.term, candidate)) for term in self.terms
        )
        return Measured(parts)

    def combine(self, measured: Sequence[Measured], judged: Iterable[Reward]) -> list[Reward]:
        """The rewards of candidates, in order.

        Args:
            measured: of all candidates.
            judged: the judge's rewards of those that are not gated, in their order.
        """
        rewards = iter(judged)
        return [
            self._weigh(each.parts, next(rewards)) if each.gated is None else each.gated
            for each in measured
        ]

    def _weigh(self, parts: Parts, judged: Reward) -> Reward:
        if judged.value is None:
            return replace(judged, parts=parts)
        parts = ((JUDGE, judged.value), *parts)
        values = dict(parts)
        weights = {JUDGE: self.judge_weight, **{term.name: term.weight for term in self.terms}}
        weighted = sum(weight * values[name] for name, weight in weights.items())
        return replace(judged, value=weighted / sum(weights.values()), parts=parts)


def _measure(name: str, term: Term, candidate: Candidate) -> float:
    value = term(candidate)
    if not 0 <= value <= 1:
        raise ValueError(f"{name!r} must give a number in [0, 1], got {value!r}")
    return value


def _check_weight(name: str, weight: float) -> None:
    if not 0 < weight < math.inf:
        raise ValueError(f"the weight of {name!r} must be above 0 and finite, got {weight}")
