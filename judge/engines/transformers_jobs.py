"""Replies that are waited for, and running a batch of them on a loaded model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from judge.errors import EngineDeadError, EngineError
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt, Usage

if TYPE_CHECKING:
    from judge.engines.sampling import Row
    from judge.engines.transformers_model import TransformersModel

_LIKELIEST = 20


@dataclass(eq=False, slots=True)
class Job:
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


def run_jobs(model: TransformersModel, jobs: Sequence[Job]) -> None:
    """Every job's future gets its result, or the error that kept it from one."""
    rows: list[tuple[Job, Row]] = []
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


def read_completion(row: Row, tokenizer: Any) -> Completion:
    """What a row's reply came to."""
    assert row.finish is not None  # rows are read when they are done
    usage = Usage(prompt_tokens=len(row.inputs.ids), completion_tokens=len(row.written))
    return Completion(row.text, row.finish, usage)


def read_likeliest(row: Row, tokenizer: Any) -> tuple[NextToken, ...]:
    """The tokens that could have come at a row's last place, likeliest first."""
    assert row.logprobs is not None  # as it has written a token
    top = row.logprobs.topk(min(_LIKELIEST, len(row.logprobs)))
    special = set(tokenizer.all_special_ids)
    return tuple(
        NextToken("" if token in special else tokenizer.decode([token]), min(0.0, logprob))
        for token, logprob in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    )


def _told(error: Exception) -> EngineError:
    if isinstance(error, EngineError):
        return error
    told = EngineError(f"transformers failed on the prompt: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
