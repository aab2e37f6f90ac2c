"""Answers to rows, sampled from a policy at several temperatures and kept in shards."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from reward.offline.sampling import EngineFactory, PolicyWorkers, Sampling
from reward.offline.shards import Shards
from reward.offline.sources import SourceRow
from reward.offline.stages import Stage, run_stage

logger = logging.getLogger(__name__)
_ROWS_KEPT = _ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the policy; ``is_whole`` says that the policy ended it itself."""

    text: str
    temperature: float
    is_whole: bool


def sample_answers(
    rows: Dataset, sampling: Sampling, make_engine: EngineFactory, folder: Path
) -> list[list[Answer]]:
    """Answers to each row, in order; none of a row that the policy could not be asked, which is
    tried again the next time. They are kept in ``folder``, and those there are not sampled again.

    The engine is closed at the end: what it held is free for the judge and the trainer.

    Args:
        rows: with ``prompt``, and ``image`` or ``images`` where there are pictures.
        sampling: how. Its seeds are of a row and a place, so that going on gives what a run
            without a stop would.
        make_engine: makes the policy's engine, not yet started.
        folder: of shards, for these rows alone.

    Raises:
        EngineError: the engine cannot be started, or died; what it sampled is kept.
    """
    shards = Shards(folder, _ROWS_KEPT)
    shards.clean()
    workers = PolicyWorkers(make_engine, sampling)
    stage = Stage("sampling", _Table(rows), shards, workers, _ROWS_AT_ONCE)
    asyncio.run(run_stage(stage, redo=[line["row"] for line in _failed(shards)]))
    failed = _failed(shards)
    if failed:
        logger.warning(
            "%d of %d rows could not be put to the policy, the first of them row %d: %s",
            *(len(failed), len(rows), failed[0]["row"] + 1, failed[0]["detail"]),
        )
    return [_answers(json.loads(line), sampling) for line in shards.lines()]


@dataclass(frozen=True, slots=True)
class _Table:
    """A dataset's rows by their number."""

    dataset: Dataset

    def count(self) -> int:
        return len(self.dataset)

    def rows(self, start: int = 0) -> Iterator[SourceRow]:
        for number in range(start, len(self.dataset)):
            yield SourceRow(number, dict(self.dataset[number]))


def _failed(shards: Shards) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in shards.lines())
    return [line for line in lines if line["reason"] is not None]


def _answers(sampled: dict[str, Any], sampling: Sampling) -> list[Answer]:
    return [
        Answer(text, sampling.temperature(place), finish != "length")
        for place, (text, finish) in enumerate(
            zip(sampled["texts"], sampled["finishes"], strict=True)
        )
    ]
