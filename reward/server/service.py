"""The one judge of the process: its loading, its death, and all that is asked of it at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from judge import EngineDeadError, Judge, JudgeRequest, Outcome, Reason, Rubric, Unjudged
from reward.server.media_store import MediaStore
from reward.server.schemas import State

logger = logging.getLogger(__name__)


class JudgeService:
    """A judge, the rubrics and pictures it is asked with, and the state of its engine.

    ``state`` is read by the routes; ``detail`` says why it is ``"dead"``.
    """

    def __init__(self, judge: Judge, rubrics: Mapping[str, Rubric], media: MediaStore) -> None:
        self.judge = judge
        self.rubrics = rubrics
        self.media = media
        self.state: State = "loading"
        self.detail = "the engine is being loaded"
        self._settled = asyncio.Event()

    async def load(self) -> None:
        """Loads the engine; what goes wrong shows in ``state`` and ``detail``."""
        try:
            await self.judge.start()
        except Exception as error:
            logger.exception("the judge's engine could not be loaded")
            self._die(f"the engine could not be loaded: {error}")
        else:
            self.state, self.detail = "ready", ""
        finally:
            self._settled.set()

    async def settled(self) -> State:
        """The state once loading has ended, well or not."""
        await self._settled.wait()
        return self.state

    async def outcomes(
        self, requests: Sequence[JudgeRequest | Unjudged], deadline: float
    ) -> list[Outcome]:
        """One outcome a request, in order; those unfinished at the deadline are cancelled.

        All are given to the judge at once: its engine merges them with those of other callers.
        Cancelling this cancels them.

        Args:
            requests: what to judge, or why it cannot be.
            deadline: on the event loop's clock, in seconds.

        Raises:
            EngineDeadError: the engine died; ``state`` is now ``"dead"``.
        """
        if not requests:
            return []
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        tasks = [asyncio.create_task(self._outcome(request)) for request in requests]
        try:
            done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()  # raises what the task raised
            late = Unjudged(Reason.DEADLINE, "not finished within deadline_s")
            return [task.result() if task in done else late for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _outcome(self, request: JudgeRequest | Unjudged) -> Outcome:
        if isinstance(request, Unjudged):
            return request
        try:
            return await self.judge.judge(request)
        except EngineDeadError as error:
            self._die(str(error))
            raise
        except Exception as error:  # a fault in one sample must not cost its neighbours theirs
            logger.exception("judging a sample failed")
            return Unjudged(Reason.SERVER_ERROR, f"{type(error).__name__}: {error}")

    def _die(self, detail: str) -> None:
        self.state, self.detail = "dead", detail
