"""Judging by plain transformers in this process: where vLLM does not run or is not wanted."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from judge.engines.base import identity
from judge.errors import EngineDeadError, EngineError, MissingExtraError
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt, Usage

if TYPE_CHECKING:
    from judge.engines.sampling import Row
    from judge.engines.transformers_model import TransformersModel

_LIKELIEST = 20
_TELLING = ("quantization_config", "revision", "attn_implementation")
"""Options that replies depend on."""


@dataclass(eq=False, slots=True)
class _Job:
    """A reply that is waited for. ``read`` takes its result from the row, once that is written, and
    the model's tokenizer.
    """

    prompt: Prompt
    decoding: Decoding
    read: Callable[[Row, Any], Any]
    future: Future[Any] = field(default_factory=Future)
    is_given_up: bool = False

    def is_cancelled(self) -> bool:
        return self.is_given_up


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
        self._load = lambda: TransformersModel(
            weights, adapter, device, {"dtype": dtype, **options}
        )
        self._max_batch = max_batch
        self._model: TransformersModel | None = None
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._jobs: set[_Job] = set()
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
        return cast(Completion, await self._ask(prompt, decoding, _completion))

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        greedy = Decoding(temperature=0.0, max_tokens=1)
        return cast(tuple[NextToken, ...], await self._ask(prompt, greedy, _likeliest))

    async def _ask(
        self, prompt: Prompt, decoding: Decoding, read: Callable[[Row, Any], Any]
    ) -> Any:
        if self._model is None:
            await self.start()
        job = _Job(prompt, decoding, read)
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
    model: TransformersModel, waiting: queue.SimpleQueue[_Job | None], max_batch: int
) -> None:
    """The thread: batches of what is waiting, until None comes."""
    is_open = True
    while is_open or not waiting.empty():
        jobs = [waiting.get()]
        while len(jobs) < max_batch and not waiting.empty():
            jobs.append(waiting.get())
        is_open = is_open and None not in jobs
        _run(model, [job for job in jobs if job is not None])


def _run(model: TransformersModel, jobs: list[_Job]) -> None:
    """Every job's future gets its result, or the error that kept it from one."""
    rows: list[tuple[_Job, Row]] = []
    for job in jobs:
        if not job.future.set_running_or_notify_cancel():
            continue
        try:
            rows.append((job, model.row(job.prompt, job.decoding, job.is_cancelled)))
        except Exception as error:  # noqa: BLE001  # goes to the one who asked
            job.future.set_exception(_told(error))
    try:
        model.write([row for _, row in rows])
        for job, row in rows:
            if row.finish is None:
                job.future.set_exception(EngineDeadError("the engine was closed meanwhile"))
            else:
                job.future.set_result(job.read(row, model.tokenizer))
    except Exception as error:  # noqa: BLE001  # out of memory, …: goes to those who asked
        for job, _ in rows:
            if not job.future.done():
                job.future.set_exception(_told(error))


def _told(error: Exception) -> EngineError:
    if isinstance(error, EngineError):
        return error
    told = EngineError(f"transformers failed on the prompt: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told


def _completion(row: Row, tokenizer: Any) -> Completion:
    assert row.finish is not None  # rows are read when they are done
    usage = Usage(prompt_tokens=len(row.inputs.ids), completion_tokens=len(row.written))
    return Completion(row.text, row.finish, usage)


def _likeliest(row: Row, tokenizer: Any) -> tuple[NextToken, ...]:
    assert row.logprobs is not None  # as it has written a token
    top = row.logprobs.topk(min(_LIKELIEST, len(row.logprobs)))
    special = set(tokenizer.all_special_ids)
    return tuple(
        NextToken("" if token in special else tokenizer.decode([token]), min(0.0, logprob))
        for token, logprob in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    )
