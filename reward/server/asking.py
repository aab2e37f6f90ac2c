"""One sample through the judge, whatever happens to the engine meanwhile."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Protocol

from judge import Decoding, EngineDeadError, Judge, JudgeRequest, Outcome, Reason, Unjudged, Verdict
from reward.server.judged import Judged
from reward.server.supervisor import EngineSupervisor
from reward.server.tracing import Attributes, Tracer
from reward.store.attempt import Labels

logger = logging.getLogger(__name__)


class Asker(Protocol):
    """What is asked for outcomes: :class:`~reward.store.stored_judge.StoredJudge`, or
    :class:`PlainAsker` where there is no store.
    """

    async def judge(
        self,
        request: JudgeRequest,
        labels: Labels | None = None,
        *,
        decoding: Decoding | None = None,
        queued_s: float = 0.0,
    ) -> tuple[Outcome, bool]:
        """The outcome, and whether it is a verdict that was judged for somebody else."""
        ...

    async def find(self, request: JudgeRequest, decoding: Decoding | None = None) -> Verdict | None:
        """A verdict that takes no judging."""
        ...


class PlainAsker:
    """Has every request judged anew."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def judge(
        self,
        request: JudgeRequest,
        labels: Labels | None = None,
        *,
        decoding: Decoding | None = None,
        queued_s: float = 0.0,
    ) -> tuple[Outcome, bool]:
        return await self._judge.judge(request, decoding), False

    async def find(self, request: JudgeRequest, decoding: Decoding | None = None) -> Verdict | None:
        return None


class SampleJudge:
    """Asks for one outcome at a time, and always has one.

    Args:
        asker: gives the outcomes.
        supervisor: gives the engine.
        tracer: makes a span a judgement.
        retries: how often a sample is judged again after the engine died of it or beside it.
    """

    def __init__(
        self, asker: Asker, supervisor: EngineSupervisor, tracer: Tracer, *, retries: int
    ) -> None:
        self._asker = asker
        self._supervisor = supervisor
        self._tracer = tracer
        self._retries = retries

    async def judge(
        self,
        labels: Labels | None,
        decoding: Decoding | None,
        request: JudgeRequest | Unjudged,
        queued_s: float,
    ) -> Judged:
        """What came of one request, whose turn it is. Raises nothing but cancellation."""
        if isinstance(request, Unjudged):
            return Judged(request, queued_s=queued_s)
        died = ""
        for _ in range(self._retries + 1):
            try:
                return await self._ask(labels, decoding, request, queued_s)
            except EngineDeadError as error:
                died = str(error)
            except Exception as error:  # a fault in one sample must not cost its neighbours theirs
                logger.exception("judging a sample failed")
                outcome = Unjudged(Reason.SERVER_ERROR, f"{type(error).__name__}: {error}")
                return Judged(outcome, queued_s=queued_s)
        return Judged(Unjudged(Reason.ENGINE_ERROR, died), queued_s=queued_s)

    async def _ask(
        self,
        labels: Labels | None,
        decoding: Decoding | None,
        request: JudgeRequest,
        queued_s: float,
    ) -> Judged:
        if self._supervisor.state != "ready":
            found = await self._asker.find(request, decoding)
            if found is not None:
                return Judged(found, cached=True, queued_s=queued_s)
        async with self._supervisor.engine():
            start = perf_counter()
            with self._tracer.judgement() as span:
                outcome, cached = await self._asker.judge(
                    request, labels, decoding=decoding, queued_s=queued_s
                )
                span.update(_attributes(request, outcome, cached=cached, queued_s=queued_s))
            return Judged(outcome, cached, queued_s, 0.0 if cached else perf_counter() - start)


def _attributes(
    request: JudgeRequest, outcome: Outcome, *, cached: bool, queued_s: float
) -> Attributes:
    return {
        "rubric": request.rubric.name,
        "protocol": request.protocol,
        "queued_s": queued_s,
        "cached": cached,
        "unjudged": outcome.reason.value if isinstance(outcome, Unjudged) else "",
        "prompt_tokens": outcome.usage.prompt_tokens,
        "completion_tokens": outcome.usage.completion_tokens,
    }
