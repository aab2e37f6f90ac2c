"""The one judge of the process, and all that is asked of it at once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from judge import (
    Decoding,
    EngineDeadError,
    Judge,
    JudgeRequest,
    Outcome,
    Reason,
    Rubric,
    Unjudged,
)
from reward.compose import ComposedReward
from reward.server.asking import Asker, PlainAsker, SampleJudge
from reward.server.canary import CanaryWatch
from reward.server.config import ServerConfig
from reward.server.errors import NotReadyError
from reward.server.judged import Judged
from reward.server.metrics import Metrics, Now
from reward.server.pictures import Pictures
from reward.server.queueing import SampleQueue
from reward.server.schemas import State
from reward.server.supervisor import EngineSupervisor, RestartPolicy
from reward.server.tracing import Tracer
from reward.server.warm_up import warm_up
from reward.store.attempt import Labels

logger = logging.getLogger(__name__)

_LOADING_RETRY_S = 2
_DEAD_RETRY_S = 60
_CANARIES_S = 600.0
"""For a round of canaries; they share the engine with all others."""


class JudgeService:
    """A judge, the rubrics and pictures it is asked with, its engine's life and its queue.

    ``state`` says whether it judges, ``detail`` why it does not.

    Args:
        judge: the judge, not yet started.
        rubrics: by the name that requests use.
        composed: rewards that go by one of them, by the name that requests use.
        config: the server's settings.
        tracer: makes a span a judgement.
        asker: is asked in place of the judge itself.
        canaries: judged at each start and every ``config.canary_every_s`` seconds.
    """

    def __init__(
        self,
        judge: Judge,
        rubrics: Mapping[str, Rubric],
        config: ServerConfig,
        tracer: Tracer,
        *,
        composed: Mapping[str, ComposedReward] | None = None,
        asker: Asker | None = None,
        canaries: CanaryWatch | None = None,
    ) -> None:
        self.judge = judge
        self.rubrics = rubrics
        self.composed = composed or {}
        self.config = config
        self.canaries = canaries
        self.pictures = Pictures(config)
        self.queue = SampleQueue(at_once=config.judged_at_once, most_waiting=config.queue_samples)
        self.supervisor = EngineSupervisor(
            judge,
            RestartPolicy(config.max_restarts, config.restart_window_s, config.restart_pause_s),
            self._prepare,
        )
        self.metrics = Metrics(self._now)
        self._sample_judge = SampleJudge(
            asker or PlainAsker(judge),
            self.supervisor,
            tracer,
            retries=1 if config.on_engine_death == "retry" else 0,
        )
        self._is_draining = self._is_stopped = False
        self._waits: set[asyncio.Timeout] = set()

    @property
    def state(self) -> State:
        if self._is_draining:
            return "draining"
        if self.supervisor.state == "ready" and self.config.refuse_on_drift and self._drifted:
            return "drifted"
        return self.supervisor.state

    @property
    def detail(self) -> str:
        """More about the state; empty when ready."""
        match self.state:
            case "draining":
                return "the server is being stopped"
            case "drifted":
                return f"canaries drift: {', '.join(self._drifted)}"
        return self.supervisor.detail

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Loads the engine in the background and keeps it alive; closes the judge at the end."""
        tasks = [asyncio.create_task(self.supervisor.run())]
        if self.canaries is not None:
            tasks.append(asyncio.create_task(self._watch_canaries(self.canaries)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.judge.close()

    async def settled(self) -> State:
        """The state once loading has ended, well or not."""
        await self.supervisor.until("ready", "dead")
        return self.state

    def check(self, count: int) -> None:
        """Whether so many samples would be taken now.

        Raises:
            NotReadyError: nothing is judged at present.
            QueueFullError: too many samples are waiting.
        """
        state = self.state
        waits = state == "asleep" and self.config.while_asleep == "wait"
        if state != "ready" and not waits:
            raise NotReadyError(state, self.detail, self._retry_after_s(state))
        self.queue.check(count)

    async def judge_all(
        self,
        requests: Sequence[JudgeRequest | Unjudged],
        deadline: float,
        labels: Labels | None = None,
        *,
        decoding: Decoding | None = None,
    ) -> list[Judged]:
        """What came of each request, in order; those unfinished at the deadline are cancelled.

        Each waits for its turn; the engine merges those under way with those of other callers.
        Cancelling this cancels them.

        Args:
            requests: what to judge, or why it cannot be.
            deadline: on the event loop's clock, in seconds.
            labels: who asks.
            decoding: how to judge, instead of the judge's own way.

        Raises:
            NotReadyError: nothing is judged at present; nor was anything of this.
            QueueFullError: too many samples are waiting; nothing of this was judged.
        """
        if not requests:
            return []
        self.check(len(requests))
        tasks = self.queue.start(requests, partial(self._sample_judge.judge, labels, decoding))
        try:
            await self._wait(tasks, deadline)
            late = Judged(self._late())
            judged = [task.result() if task.done() else late for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._note(requests, judged)
        return judged

    async def outcomes(
        self, requests: Sequence[JudgeRequest | Unjudged], deadline: float
    ) -> list[Outcome]:
        """As :meth:`judge_all`, for callers that need no more than the outcomes."""
        return [each.outcome for each in await self.judge_all(requests, deadline)]

    async def drain(self, seconds: float) -> None:
        """Takes nothing more; returns once all is answered, after so many seconds at the latest.

        What is unfinished by then is answered as unjudged.
        """
        self._is_draining = True
        logger.info("draining: %d samples are under way", self.queue.pending)
        try:
            async with asyncio.timeout(seconds):
                await self.queue.drained()
        except TimeoutError:
            logger.warning("not drained within %g s: the rest stays unjudged", seconds)
            self._is_stopped = True
            now = asyncio.get_running_loop().time()
            for wait in self._waits:
                if not wait.expired():
                    wait.reschedule(now)

    async def _wait(self, tasks: Sequence[asyncio.Task[Judged]], deadline: float) -> None:
        """Returns when all tasks are done, at the deadline, or when draining has taken too long."""
        wait = asyncio.timeout_at(deadline)
        self._waits.add(wait)
        try:
            async with wait:
                await asyncio.wait(tasks)
        except TimeoutError:
            return
        finally:
            self._waits.discard(wait)

    def _late(self) -> Unjudged:
        if self._is_stopped:
            return Unjudged(Reason.SERVER_ERROR, "the server was stopped meanwhile")
        return Unjudged(Reason.DEADLINE, "not finished within deadline_s")

    def _note(self, requests: Sequence[JudgeRequest | Unjudged], judged: Sequence[Judged]) -> None:
        self.metrics.judged(requests, judged)
        reasons = Counter(
            each.outcome.reason.value for each in judged if isinstance(each.outcome, Unjudged)
        )
        if reasons:
            logger.info(
                "%d of %d samples unjudged: %s",
                reasons.total(),
                len(judged),
                ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())),
                extra={"fields": {"samples": len(judged), "unjudged": dict(reasons)}},
            )

    def _retry_after_s(self, state: State) -> int:
        if state == "draining":
            return self.queue.seconds_for(self.queue.pending)
        return _DEAD_RETRY_S if state == "dead" else _LOADING_RETRY_S

    async def _prepare(self) -> None:
        """Between the engine's start and its being ready."""
        if self.config.warm_up:
            await warm_up(self.judge, next(iter(self.rubrics.values())))
        if self.canaries is not None:
            await self.canaries.check(_CANARIES_S)

    async def _watch_canaries(self, canaries: CanaryWatch) -> None:
        while True:
            await asyncio.sleep(self.config.canary_every_s)
            if self.supervisor.state != "ready" or self._is_draining:
                continue
            try:
                async with self.supervisor.engine():
                    await canaries.check(_CANARIES_S)
            except EngineDeadError:
                logger.warning("the engine died under the canaries")
            except Exception:
                logger.exception("the canaries could not be judged")

    @property
    def _drifted(self) -> tuple[str, ...]:
        report = self.canaries.report if self.canaries else None
        return report.drifted if report else ()

    def _now(self) -> Now:
        report = self.canaries.report if self.canaries else None
        return Now(
            waiting=self.queue.waiting,
            in_flight=self.queue.in_flight,
            ready=self.state == "ready",
            restarts=self.supervisor.restarts,
            drift=report.drift if report else 0.0,
            drifted=len(self._drifted),
        )
