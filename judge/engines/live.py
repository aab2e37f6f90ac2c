"""Judging by a model that this process already holds: one in training, or loaded by the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from judge.engines.transformers_jobs import Job, read_completion, read_likeliest, run_jobs
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt

if TYPE_CHECKING:
    from judge.engines.sampling import Row
    from judge.engines.transformers_model import TransformersModel


class LiveEngine:
    """An engine over a loaded model, which it neither copies nor frees.

    Batches are written in the event loop's own thread and in the order of asking, without regard
    to the clock: processes that share a sharded model and ask the same do the same forward passes,
    each of which all of them have to take part in.

    Args:
        model: the model, in evaluation mode while it is asked.
        max_batch: most replies written at once.
    """

    identity = "live"

    def __init__(self, model: TransformersModel, max_batch: int = 8) -> None:
        self._model, self._max_batch = model, max_batch
        self._waiting: deque[Job] = deque()

    async def start(self) -> None:
        """Nothing to do: the model is loaded."""

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        return cast(Completion, await self._ask(prompt, decoding, read_completion))

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        greedy = Decoding(temperature=0.0, max_tokens=1)
        return cast(tuple[NextToken, ...], await self._ask(prompt, greedy, read_likeliest))

    async def close(self) -> None:
        """Nothing to do: the model is the caller's."""

    async def _ask(
        self, prompt: Prompt, decoding: Decoding, read: Callable[[Row, Any], Any]
    ) -> Any:
        job = Job(prompt, decoding, read)
        self._waiting.append(job)
        if len(self._waiting) == 1:
            self._write_soon()
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.is_given_up = True

    def _write_soon(self) -> None:
        """Writes a batch once everyone who is about to ask has asked."""
        asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
        if self._waiting:
            self._write_soon()
        run_jobs(self._model, batch)
