"""The worker that has rows judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from judge.errors import RequestError
from judge.folder import Decoding
from judge.judge import Judge
from judge.rows import Row, read_row, request_from_row
from judge.rubrics import Rubric
from judge.types import JudgeRequest
from judge.verdicts import Outcome, Reason, Unjudged
from reward.errors import StoreError
from reward.offline.records import RowFacts, RowRecord, facts_of
from reward.offline.schemes import Scheme
from reward.offline.sources import SourceRow
from reward.offline.stages import Worked
from reward.store.attempt import Labels
from reward.store.settings import StoreSettings
from reward.store.stored_judge import StoredJudge
from reward.store.verdict_store import VerdictStore

_PATIENT = StoreSettings(lookup_s=60.0, max_waiting=2**31)
"""Nobody waits for one verdict: a slow store is waited for, and none of its writes is dropped."""
_FLUSH_S = 120.0

JudgeFactory = Callable[[], Judge]
"""Makes a judge, not yet started; has to be one that can be sent where workers run elsewhere."""
RowCheck = Callable[[Row], None]
"""Raises RequestError for a row that is not to be judged; a function of a module, as above."""


@dataclass(frozen=True, slots=True)
class JudgeWorkers:
    """Makes workers that judge.

    Args:
        make_judge: makes the judge of each.
        store: the verdict store that all of them share.
        scheme: how the candidates of a row are compared.
        rubric: for every row, instead of the rows' own.
        check: raises RequestError for a row that is not to be judged.
        run: the run's name in the store.
    """

    make_judge: JudgeFactory
    store: str
    scheme: Scheme
    rubric: Rubric | None
    check: RowCheck
    run: str

    def __call__(self) -> JudgeWorker:
        return JudgeWorker(self, self.make_judge())


class JudgeWorker:
    """Judges rows; every verdict goes through the store."""

    def __init__(self, plan: JudgeWorkers, judge: Judge) -> None:
        self._plan = plan
        self._judge = judge
        self._store = VerdictStore(plan.store, _PATIENT)
        self._stored = StoredJudge(judge, self._store)
        self._decoding = one_order(judge.decoding)
        self._labels = Labels(plan.run)

    async def __aenter__(self) -> Self:
        await self._judge.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._store.close()
        await self._judge.close()

    async def work(self, row: SourceRow) -> Worked:
        if row.problem is not None:
            return _problem(row, row.problem)
        try:
            request, facts = await asyncio.to_thread(self._read, row)
        except RequestError as error:
            return _problem(row, Unjudged(Reason.BAD_REQUEST, str(error)))
        asked = cached = 0

        async def ask(question: JudgeRequest) -> Outcome:
            nonlocal asked, cached
            outcome, is_cached = await self._stored.judge(
                question, self._labels, decoding=self._decoding
            )
            asked += 1
            cached += is_cached
            return outcome

        try:
            comparisons = await self._plan.scheme.compare(request, ask, row.number)
        except RequestError as error:
            return _problem(row, Unjudged(Reason.BAD_REQUEST, str(error)))
        record = RowRecord(row.number, facts, comparisons)
        return Worked(record.to_line(), asked, cached, len(record.failures))

    async def commit(self) -> None:
        """Waits until all verdicts so far are in the store."""
        flushing = asyncio.create_task(self._store.flush())
        _, late = await asyncio.wait({flushing}, timeout=_FLUSH_S)
        if late or self._store.counts.lost:
            raise StoreError(
                f"the verdict store {self._plan.store} does not take what was judged (its log "
                "above says why); put that right and run the same command again: it goes on with "
                "what is written"
            )

    def _read(self, row: SourceRow) -> tuple[JudgeRequest, RowFacts]:
        read = read_row(row.columns)
        self._plan.check(read)
        rubric, protocol = self._plan.rubric, self._plan.scheme.protocol
        return request_from_row(row.columns, rubric, protocol), facts_of(row.columns, read)


def one_order(decoding: Decoding) -> Decoding:
    """The decoding of one comparison: its other order is a comparison of its own."""
    return replace(decoding, both_orders=False)


def _problem(row: SourceRow, problem: Unjudged) -> Worked:
    return Worked(RowRecord(row.number, problem=problem).to_line(), asked=1, unjudged=1)
