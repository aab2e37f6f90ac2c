"""The engine's life: loaded, watched, put to sleep, and started again after it died."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from judge import EngineDeadError, EngineError, Judge
from judge.engines import SleepingEngine, WatchedEngine
from reward.server.errors import NotReadyError

logger = logging.getLogger(__name__)

EngineState = Literal["loading", "ready", "asleep", "restarting", "dead"]

_LOOK_S = 0.25
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Up to ``most`` restarts within ``window_s`` seconds; one more death is final.

    Before the first there is a pause of ``pause_s`` seconds, twice as long before each next one
    within the window, a minute at most.
    """

    most: int = 5
    window_s: float = 600.0
    pause_s: float = 1.0


class EngineSupervisor:
    """Keeps a judge's engine alive. :meth:`run` does the work; all else goes through it.

    ``detail`` says more about ``state``; ``restarts`` counts those that succeeded.

    Args:
        judge: the judge, not yet started.
        policy: how often it is started again.
        prepare: what is done after each start before the engine counts as ready.
    """

    def __init__(
        self, judge: Judge, policy: RestartPolicy, prepare: Callable[[], Awaitable[None]]
    ) -> None:
        self._judge = judge
        self._policy = policy
        self._prepare = prepare
        self.state: EngineState = "loading"
        self.detail = "the engine is being loaded"
        self.restarts = 0
        self._changed = asyncio.Event()
        self._died = asyncio.Event()
        self._starts: deque[float] = deque()
        self._users: set[asyncio.Timeout] = set()
        self._unused = asyncio.Event()
        self._unused.set()
        self._sleeping = asyncio.Lock()

    async def run(self) -> None:
        """Loads the engine and keeps it running until it is dead for good, or this is cancelled."""
        try:
            await self._start()
        except Exception as error:
            logger.exception("the judge's engine could not be loaded")
            self._become("dead", f"the engine could not be loaded: {error}")
            return
        while self.state != "dead":
            await self._death()
            await self._restart()

    async def until(self, *states: EngineState) -> EngineState:
        """The state once it is one of these."""
        while self.state not in states:
            await self._changed.wait()
        return self.state

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[None]:
        """The engine for one judgement; waited for while it is asleep, loading or restarting.

        Raises:
            EngineDeadError: it is dead for good, or died meanwhile: what is done in here is then
                cancelled at once, as nothing would end it any more.
        """
        if await self.until("ready", "dead") == "dead":
            raise EngineDeadError(self.detail)
        # A timeout that is set off by the engine's death: unlike a plain cancellation, it cannot be
        # taken for the caller's.
        use = asyncio.timeout(None)
        self._users.add(use)
        self._unused.clear()
        try:
            async with use:
                yield
        except TimeoutError:
            if not use.expired():
                raise
            raise EngineDeadError(self.detail) from None
        except EngineDeadError as error:
            if use in self._users:  # else it is a death already known
                self._users.remove(use)
                self.report_death(str(error))
            raise
        finally:
            self._users.discard(use)
            if not self._users:
                self._unused.set()

    def report_death(self, detail: str) -> None:
        """Takes note that the engine died; from now on it is not ready."""
        if self.state not in {"ready", "asleep"}:
            return
        logger.error("the engine died: %s", detail)
        self._become("restarting", f"the engine died: {detail}")
        now = asyncio.get_running_loop().time()
        for use in self._users:
            use.reschedule(now)
        self._users.clear()
        self._died.set()

    async def sleep(self, level: int) -> None:
        """Lets what is being judged end, then puts the engine to sleep; nothing where it is asleep.

        Raises:
            EngineError: this engine cannot sleep, or did not.
            NotReadyError: it is neither ready nor asleep.
        """
        engine = self._sleeper()
        async with self._sleeping:
            if self.state == "asleep":
                return
            self._require("ready")
            self._become("asleep", f"the engine sleeps (level {level}) until POST /v1/wake")
            try:
                await self._unused.wait()
                self._require("asleep")  # it may have died of the last judgement
                await engine.sleep(level)
            except EngineDeadError as error:
                self.report_death(str(error))
                raise
            except BaseException:
                self._end_sleep()
                raise

    async def wake(self) -> None:
        """Wakes the engine; nothing where it is awake.

        Raises:
            EngineError: it did not wake. It is then taken for dead and started again.
            NotReadyError: it is neither ready nor asleep.
        """
        engine = self._sleeper()
        async with self._sleeping:
            if self.state == "ready":
                return
            self._require("asleep")
            try:
                await engine.wake()
            except EngineError as error:
                self.report_death(str(error))
                raise
            self._end_sleep()

    def _end_sleep(self) -> None:
        if self.state == "asleep":  # else it has died meanwhile
            self._become("ready")

    def _sleeper(self) -> SleepingEngine:
        engine = self._judge.engine
        if not isinstance(engine, SleepingEngine):
            raise EngineError(f"the engine {engine.identity!r} cannot sleep; vLLM can")
        return engine

    def _require(self, state: EngineState) -> None:
        if self.state != state:
            raise NotReadyError(self.state, self.detail, 1)

    async def _start(self) -> None:
        await self._judge.start()
        await self._prepare()
        self._died.clear()
        self._become("ready")

    async def _death(self) -> None:
        """Returns once the engine has died."""
        engine = self._judge.engine
        while not self._died.is_set():
            if isinstance(engine, WatchedEngine) and engine.is_dead:
                self.report_death("its process is gone")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._died.wait(), _LOOK_S)

    async def _restart(self) -> None:
        while (pause_s := self._pause()) is not None:
            await asyncio.sleep(pause_s)
            try:
                await self._judge.close()
                await self._start()
            except Exception as error:
                logger.exception("the judge's engine could not be started again")
                self._become("restarting", f"the engine could not be started again: {error}")
            else:
                self.restarts += 1
                logger.warning("the engine runs again, after %d restarts in all", self.restarts)
                return
        self._become(
            "dead",
            f"{self.detail} (given up after {self._policy.most} restarts within "
            f"{self._policy.window_s:g} s)",
        )
        logger.error("the engine is given up: %s", self.detail)

    def _pause(self) -> float | None:
        """Seconds before the next restart; None where there were too many of them."""
        now = asyncio.get_running_loop().time()
        while self._starts and self._starts[0] < now - self._policy.window_s:
            self._starts.popleft()
        done = len(self._starts)
        if done >= self._policy.most:
            return None
        self._starts.append(now)
        return float(min(_LONGEST_PAUSE_S, self._policy.pause_s * 2**done))

    def _become(self, state: EngineState, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self._changed.set()
        self._changed = asyncio.Event()
