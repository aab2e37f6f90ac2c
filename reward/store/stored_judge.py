"""A judge that asks the store first, and writes down what it does."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from judge.folder import Decoding
from judge.judge import Judge
from judge.types import JudgeRequest
from judge.verdicts import Outcome, Verdict
from reward.store.attempt import Attempt, Labels, Question
from reward.store.flights import Flights

if TYPE_CHECKING:
    from reward.store.verdict_store import VerdictStore


class StoredJudge:
    """A judge over a store of verdicts: each question is judged once, then served from there.

    Args:
        judge: the judge, started and closed by its owner.
        store: the store, closed by its owner.
    """

    def __init__(self, judge: Judge, store: VerdictStore) -> None:
        self._judge = judge
        self._store = store
        self._flights = Flights[tuple[Outcome, bool]]()

    async def judge(
        self,
        request: JudgeRequest,
        labels: Labels | None = None,
        *,
        decoding: Decoding | None = None,
        queued_s: float = 0.0,
    ) -> tuple[Outcome, bool]:
        """The outcome, and whether it is a verdict that this call did not have judged.

        That is so where the store holds a verdict on an equal question, or where an equal one was
        under way. Outcomes without a verdict are written down and never served: only those who
        wait for the same attempt share one.

        Args:
            request: what to judge.
            labels: who asks, for the store.
            decoding: how, instead of the judge's own way.
            queued_s: how long the request has waited so far, in seconds, for the store.

        Raises:
            EngineDeadError: as :meth:`judge.Judge.judge`.
        """
        question = self._question(request, decoding)
        ask = partial(self._ask, question, labels or Labels(), queued_s)
        (outcome, is_stored), has_joined = await self._flights.run(question.key, ask)
        is_cached = isinstance(outcome, Verdict) and (is_stored or has_joined)
        if is_cached:
            self._store.count_served(question.key)
        return outcome, is_cached

    async def find(self, request: JudgeRequest, decoding: Decoding | None = None) -> Verdict | None:
        """The verdict that the store holds on an equal question, counted as served."""
        question = self._question(request, decoding)
        verdict = await self._store.find(question.key)
        if verdict is not None:
            self._store.count_served(question.key)
        return verdict

    def _question(self, request: JudgeRequest, decoding: Decoding | None) -> Question:
        return Question(request, self._judge.fingerprint, decoding or self._judge.decoding)

    async def _ask(
        self, question: Question, labels: Labels, queued_s: float
    ) -> tuple[Outcome, bool]:
        """The outcome, and whether it comes from the store."""
        stored = await self._store.find(question.key)
        if stored is not None:
            return stored, True
        start = perf_counter()
        outcome = await self._judge.judge(question.request, question.decoding)
        judged_s = perf_counter() - start
        self._store.add(Attempt(question, outcome, labels, queued_s, judged_s))
        return outcome, False
