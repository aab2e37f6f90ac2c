"""The stages of a labelling job on a cluster, by Ray Data.

A task is a shard: rows of the table that one worker reads, judges by its own engine (or as a client
of a served one) through the shared verdict store, and writes to the shared folder. A worker that is
lost takes nothing with it but the shards it was at, which another one makes; what it had judged of
them comes from the store.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from tqdm.auto import tqdm

from judge.errors import MissingExtraError, RequestError
from reward.offline.stages import Progress, Stage, Todo, work_on

Batch = dict[str, Any]
"""Columns of a batch of Ray Data's."""


def require_ray() -> Any:
    """The package ray with its Data module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("ray[data]", "scale") from error
    return ray


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Where the work is done.

    Args:
        workers: how many there are.
        address: of a running cluster; None starts one on this machine.
        cpus: that Ray sets aside for each worker.
        gpus: the same.
    """

    workers: int
    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0

    async def run_stage(self, stage: Stage, redo: Collection[int] = ()) -> Progress:
        """Makes the shards that lack; as :func:`reward.offline.stages.run_stage`.

        Raises:
            RequestError: a table whose rows cannot be counted, or an error of a worker.
            MissingExtraError: Ray is not installed.
        """
        todo, total = Todo.of(stage, redo), stage.source.count()
        if total is None:
            raise RequestError(
                f"{stage.source} does not tell how many rows it has, which dealing them out "
                "takes: save them as Parquet first"
            )
        shards = [
            number
            for number in range(math.ceil(total / stage.shards.rows))
            if number not in todo.done
        ]
        if not shards:
            return Progress()
        try:
            return await asyncio.to_thread(self._run, stage, todo, shards, total)
        except asyncio.CancelledError:
            require_ray().shutdown()  # ends the thread, too
            raise

    def _run(self, stage: Stage, todo: Todo, shards: list[int], total: int) -> Progress:
        ray = require_ray()
        if not ray.is_initialized():
            ray.init(address=self.address, include_dashboard=False, log_to_driver=True)
        tasks = ray.data.from_items(
            [{"shard": number} for number in shards], override_num_blocks=len(shards)
        ).map_batches(
            ShardWorker,
            fn_constructor_args=(stage, todo),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=self.workers),
            num_cpus=self.cpus,
            num_gpus=self.gpus,
        )
        progress = Progress()
        kept = min(len(todo.done) * stage.shards.rows, total)
        try:
            with tqdm(total=total, initial=kept, desc=stage.name, unit="row") as bar:
                for row in tasks.iter_rows():
                    progress.merge(
                        Progress(row["rows"], row["asked"], row["cached"], row["unjudged"])
                    )
                    bar.set_postfix_str(progress.words(), refresh=False)
                    bar.update(row["rows"])
        except ray.exceptions.RayError as error:
            raise RequestError(f"a worker failed: {error}; what is finished stays") from error
        return progress


class ShardWorker:
    """What Ray runs: an actor with an engine of its own, and an event loop that belongs to it."""

    def __init__(self, stage: Stage, todo: Todo) -> None:
        self._stage, self._todo = stage, todo
        self._loop = asyncio.new_event_loop()
        self._worker = stage.make_worker()
        self._loop.run_until_complete(self._worker.__aenter__())

    def __call__(self, batch: Batch) -> Batch:
        """Makes the shards of a batch; gives what that took, one row a shard."""
        made = [self._loop.run_until_complete(self._make(int(each))) for each in batch["shard"]]
        return {
            name: [getattr(each, name) for each in made]
            for name in ("rows", "asked", "cached", "unjudged")
        }

    async def _make(self, shard: int) -> Progress:
        progress = Progress()
        todo = replace(self._todo, first=shard, end=shard + 1)
        async with aclosing(work_on(self._stage, self._worker, todo)) as rows:
            async for worked in rows:
                progress.add(worked)
        return progress
