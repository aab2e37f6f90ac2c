"""Judging by plain transformers in this process: where vLLM does not run or is not wanted."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from judge.engines.base import identity
from judge.engines.transformers_jobs import Job, read_completion, read_likeliest, run_jobs
from judge.errors import EngineError, MissingExtraError
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt

if TYPE_CHECKING:
    from judge.engines.sampling import Row
    from judge.engines.transformers_model import TransformersModel

_TELLING = ("quantization_config", "revision", "attn_implementation")
"""Options that replies depend on."""


class TransformersEngine:
    """A checkpoint that a thread of this process runs, in batches of what is waiting.

    A batch is written to its end before the next is begun, so it is slower than vLLM; replies are
    sampled alike, up to rounding.

    Args:
        weights: a checkpoint folder or a hub id.
        adapter: folder of a LoRA adapter (PEFT) over them.
        dtype: number format of the weights: bfloat16, float16, float32.
        device: ``"cuda"``, ``"cpu"``, …; by default the GPU where there is one.
        max_batch: most replies written at once.
        options: arguments of ``from_pretrained`` by transformers' own names, e.g.
            ``device_map="auto"``, ``attn_implementation="flash_attention_2"``.

    Raises:
        MissingExtraError: transformers or torch is not installed.
    """

    def __init__(
        self,
        weights: str,
        *,
        adapter: str | None = None,
        dtype: str = "bfloat16",
        device: str | None = None,
        max_batch: int = 8,
        **options: Any,
    ) -> None:
        try:
            from judge.engines.transformers_model import TransformersModel
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "transformers") from error
        self._weights, self._dtype, self._options = weights, dtype, options
        self._load = lambda: TransformersModel.load(
            weights, adapter, device, {"dtype": dtype, **options}
        )
        self._max_batch = max_batch
        self._model: TransformersModel | None = None
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: set[Job] = set()
        self._thread: threading.Thread | None = None
        self._changing = asyncio.Lock()

    @property
    def identity(self) -> str:
        return identity("transformers", self._dtype, self._options, _TELLING)

    @property
    def unfinished(self) -> int:
        """Requests that the engine is working on or has waiting."""
        return len(self._jobs)

    async def start(self) -> None:
        async with self._changing:
            if self._model is not None:
                return
            try:
                model = await asyncio.to_thread(self._load)
            except Exception as error:  # OSError, ValueError, KeyError, RuntimeError, …
                raise EngineError(
                    f"transformers could not load {self._weights!r}: {error}"
                ) from error
            self._waiting = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=_serve, args=(model, self._waiting, self._max_batch), daemon=True
            )
            self._thread.start()
            self._model = model

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        return cast(Completion, await self._ask(prompt, decoding, read_completion))

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        greedy = Decoding(temperature=0.0, max_tokens=1)
        return cast(tuple[NextToken, ...], await self._ask(prompt, greedy, read_likeliest))

    async def _ask(
        self, prompt: Prompt, decoding: Decoding, read: Callable[[Row, Any], Any]
    ) -> Any:
        if self._model is None:
            await self.start()
        job = Job(prompt, decoding, read)
        self._jobs.add(job)
        job.future.add_done_callback(lambda _: self._jobs.discard(job))
        self._waiting.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.is_given_up = True

    async def close(self) -> None:
        async with self._changing:
            if self._model is None:
                return
            self._model = None
            for job in list(self._jobs):
                job.is_given_up = True
            self._waiting.put(None)
            assert self._thread is not None  # started with the model
            await asyncio.to_thread(self._thread.join)
            self._thread = None


def _serve(
    model: TransformersModel, waiting: queue.SimpleQueue[Job | None], max_batch: int
) -> None:
    """The thread: batches of what is waiting, until None comes."""
    is_open = True
    while is_open or not waiting.empty():
        jobs = [waiting.get()]
        while len(jobs) < max_batch and not waiting.empty():
            jobs.append(waiting.get())
        is_open = is_open and None not in jobs
        run_jobs(model, [job for job in jobs if job is not None])
