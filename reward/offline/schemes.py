"""How the candidates of a row are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from judge.errors import RequestError
from judge.judge import Judge
from judge.types import JudgeRequest, ProtocolName
from judge.verdicts import Outcome
from reward.groups.matches import Order
from reward.groups.scoring import ListwiseScoring, Match, PairwiseScoring
from reward.offline.comparisons import Comparison, first_of_equals

Ask = Callable[[JudgeRequest], Awaitable[Outcome]]
"""Puts a question to the judge."""


class Scheme(Protocol):
    """Compares candidates. Its fields are part of a job's settings."""

    @property
    def protocol(self) -> ProtocolName:
        """What the judge has to be able to do."""
        ...

    async def compare(self, request: JudgeRequest, ask: Ask, row: int) -> tuple[Comparison, ...]:
        """All comparisons of a row's candidates, in a fixed order.

        Args:
            request: with all candidates of the row.
            ask: puts one question to the judge.
            row: the row's number, which what is drawn at random depends on.

        Raises:
            RequestError: candidates that cannot be compared so.
            EngineDeadError: as :meth:`judge.Judge.judge`.
        """
        ...


@dataclass(frozen=True, slots=True)
class PointwiseScoring:
    """Candidates are judged alone, one question each."""

    protocol: Literal["pointwise"] = "pointwise"

    def matches(self, count: int) -> list[Match]:
        return [((place,),) for place in range(count)]


@dataclass(frozen=True, slots=True)
class FixedMatches:
    """Which candidates are compared does not hang on what comes out of it.

    Equal candidates count as one. A candidate that is alone is judged pointwise.
    """

    scoring: PointwiseScoring | PairwiseScoring | ListwiseScoring

    @property
    def protocol(self) -> ProtocolName:
        return self.scoring.protocol

    async def compare(self, request: JudgeRequest, ask: Ask, row: int) -> tuple[Comparison, ...]:
        different = sorted(set(first_of_equals(request.candidates)))
        scoring = PointwiseScoring() if len(request.candidates) == 1 else self.scoring
        try:
            matches = scoring.matches(len(different)) if _is_enough(different, scoring) else []
        except ValueError as error:
            raise RequestError(str(error)) from error
        orders = [
            (number, tuple(different[place] for place in order))
            for number, match in enumerate(matches)
            for order in match
        ]
        return await compare_orders(request, orders, scoring.protocol, ask)


def make_scheme(protocol: ProtocolName, *, both_orders: bool) -> FixedMatches:
    """Every candidate alone, every pair, or all in one list; in both orders or in one."""
    if protocol == "pointwise":
        return FixedMatches(PointwiseScoring())
    if protocol == "listwise":
        return FixedMatches(ListwiseScoring(permutations=2 if both_orders else 1))
    return FixedMatches(PairwiseScoring(both_orders=both_orders, protocol=protocol))


def default_protocol(judge: Judge) -> ProtocolName:
    """Pairwise where the judge knows it, else pointwise."""
    return "pairwise" if "pairwise" in judge.folder.profile.protocols else "pointwise"


async def compare_orders(
    request: JudgeRequest,
    orders: Sequence[tuple[int, Order]],
    protocol: ProtocolName,
    ask: Ask,
) -> tuple[Comparison, ...]:
    """Puts several comparisons at once: the number of the match of each, and its order."""
    questions = (
        replace(
            request,
            candidates=tuple(request.candidates[place] for place in order),
            protocol=protocol,
        )
        for _, order in orders
    )
    outcomes = await asyncio.gather(*(ask(question) for question in questions))
    return tuple(
        Comparison(match, order, outcome)
        for (match, order), outcome in zip(orders, outcomes, strict=True)
    )


def _is_enough(
    different: Sequence[int], scoring: PointwiseScoring | PairwiseScoring | ListwiseScoring
) -> bool:
    return len(different) > 1 or isinstance(scoring, PointwiseScoring)
