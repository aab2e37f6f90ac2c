"""A job: a folder with the settings that it was begun with, its shards, and its store."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from judge.errors import RequestError
from judge.judge import Judge
from judge.rows import read_row
from judge.rubrics import Rubric, load_rubric
from reward.offline.forms import check_texts
from reward.offline.judging import JudgeFactory, JudgeWorkers, RowCheck, one_order
from reward.offline.outputs import import_datasets
from reward.offline.records import RowRecord, facts_of, read_record
from reward.offline.sampling import EngineFactory, PolicyWorkers, Sampling
from reward.offline.schemes import Scheme
from reward.offline.shards import Shards
from reward.offline.sources import Source, SourceRow
from reward.offline.stages import Progress, Stage, run_stage
from reward.offline.writing import in_thread, steps
from reward.plots import require_plots

SETTINGS = "job.json"
WORK = "work"
STORE = "verdicts.db"
SHARD_ROWS = 500

T = TypeVar("T")
RunStage = Callable[[Stage, Collection[int]], Awaitable[Progress]]
"""Makes the shards of a stage that lack, and those of rows to be done again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What candidates are sampled from. ``name`` tells it from others; it makes its engine."""

    name: str
    sampling: Sampling
    make_engine: EngineFactory


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What is judged, and how.

    Args:
        source: rows, as :func:`judge.tables.open_table` takes them.
        out: the job's folder.
        scheme: how the candidates of a row are compared.
        rubric: for every row; None where each names its own.
        check: raises RequestError for a row that is not to be judged.
        policy: what the candidates are sampled from; None where the rows bring them.
        limit: only so many rows.
        store: the verdict store; None for one in ``out``.
        concurrency: rows judged at once.
        shard_rows: rows that are kept together; at most so many are gone through again after a
            kill, without a verdict judged again.
    """

    source: str
    out: Path
    scheme: Scheme
    rubric: Rubric | None = None
    check: RowCheck = check_texts
    policy: Policy | None = None
    limit: int | None = None
    store: str | None = None
    concurrency: int = 64
    shard_rows: int = SHARD_ROWS

    @property
    def shards(self) -> Shards:
        """The records of the rows."""
        return Shards(self.out / WORK / "records", self.shard_rows)

    @property
    def judged_source(self) -> Source:
        """The rows with all their candidates."""
        return Source(self.source, self.limit, self.samples if self.policy else None)

    @property
    def samples(self) -> Shards:
        """The candidates of the rows, where they are sampled."""
        return Shards(self.out / WORK / "samples", self.shard_rows)

    def settings(self, judge: Judge) -> dict[str, Any]:
        """All that the records depend on, as JSON values."""
        path = Path(self.source)
        policy = self.policy
        return {
            "input": self.source,
            "input_bytes": path.stat().st_size if path.is_file() else None,
            "limit": self.limit,
            "judge": judge.folder.profile.name,
            "judge_fingerprint": judge.fingerprint,
            "decoding": asdict(one_order(judge.decoding)),
            "rubric": self.rubric.fingerprint() if self.rubric else None,
            "scheme": json.loads(json.dumps(asdict(self.scheme))),  # type: ignore[call-overload]
            "policy": None
            if policy is None
            else {"name": policy.name, **json.loads(json.dumps(asdict(policy.sampling)))},
            "shard_rows": self.shard_rows,
        }

    def maker(self, judge: Judge) -> dict[str, str]:
        """How and by whom the rows are judged. ``rubric`` is empty where each names its own."""
        return {
            "protocol": self.scheme.protocol,
            "rubric": self.rubric.fingerprint() if self.rubric else "",
            "judge_model": judge.folder.profile.name,
            "judge_fingerprint": judge.fingerprint,
        }

    def rubric_of(self, columns: Mapping[str, Any]) -> str:
        """The fingerprint of the rubric that a row was judged by."""
        return (self.rubric or load_rubric(columns["rubric"])).fingerprint()

    def rows(self, stop: Event) -> Iterator[tuple[SourceRow, RowRecord]]:
        """Every row with its record, in order, until the event is set; the job has to be done.

        Raises:
            RequestError: the table is not the one that was judged.
            asyncio.CancelledError: the event was set.
        """
        self.shards.check_whole()
        records = self.records()
        source = self.judged_source
        for row in steps(source.rows(), "writing", source.count(), stop):
            record = next(records, None)
            if record is None or record.row != row.number:
                raise RequestError(
                    f"{self.out} has no record of row {row.number + 1}: {self.source} has changed "
                    "since it was judged; give another --out"
                )
            _check_same(row, record)
            yield row, record

    def records(self) -> Iterator[RowRecord]:
        """The record of every row, in order."""
        return map(read_record, self.shards.lines())


async def run_job(
    plan: JobPlan,
    make_judge: JudgeFactory,
    *,
    retry_unjudged: bool = False,
    run: RunStage = run_stage,
) -> Progress:
    """Has all rows sampled and judged that are not yet.

    The policy's engine is closed before the judge's is started. After a kill, or an error, the same
    call goes on: what a shard holds is not touched again, and of the rows that were under way the
    verdicts come from the store. With ``retry_unjudged``, the rows with anything unjudged are gone
    through again, and only what has no verdict is asked.

    Raises:
        RequestError: no such table, a judge that cannot do what the scheme asks for, or a folder
            that was begun with other settings.
        StoreError: the store cannot be opened or written.
        EngineDeadError: an engine died; run it again.
    """
    judge = make_judge()
    _check_judge(judge, plan.scheme)
    Source(plan.source, plan.limit).count()
    begin_job(plan.out, plan.settings(judge))
    for shards in (plan.samples, plan.shards):
        shards.clean()
    if plan.policy is not None:
        sampling = Stage(
            "sampling",
            Source(plan.source, plan.limit),
            plan.samples,
            PolicyWorkers(plan.policy.make_engine, plan.policy.sampling),
            plan.concurrency,
        )
        failed = _rows_without_samples(plan.samples) if retry_unjudged else ()
        await run(sampling, failed)
    judging = Stage(
        "judging",
        plan.judged_source,
        plan.shards,
        JudgeWorkers(
            make_judge,
            plan.store or str(plan.out / STORE),
            plan.scheme,
            plan.rubric,
            plan.check,
            run=plan.out.name[:200],
        ),
        plan.concurrency,
    )
    redo = [each.row for each in plan.records() if each.failures] if retry_unjudged else ()
    return await run(judging, redo)


async def judge_and_write(
    plan: JobPlan,
    make_judge: JudgeFactory,
    write: Callable[[Judge, Event], T],
    *,
    retry_unjudged: bool = False,
    run: RunStage = run_stage,
) -> T:
    """:func:`run_job`, and then what ``write`` returns, in a thread; it is given a judge that was
    not started, and an event that is set when nobody waits for it any more.

    Raises:
        RequestError, StoreError, EngineDeadError: as :func:`run_job`.
        MissingExtraError: datasets, pyarrow or matplotlib is not installed: told before the work.
    """
    require_plots()
    import_datasets()
    judge = make_judge()
    await run_job(plan, make_judge, retry_unjudged=retry_unjudged, run=run)
    return await in_thread(partial(write, judge))


def _check_same(row: SourceRow, record: RowRecord) -> None:
    """Raises RequestError where the row is not the one that was judged."""
    judged = record.facts
    if judged and facts_of(row.columns, read_row(row.columns)).digest != judged.digest:
        raise RequestError(
            f"row {row.number + 1} is not the one that was judged: the input has changed since; "
            "give another --out"
        )


def begin_job(out: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new job, or compares them with those it was begun with.

    Raises:
        RequestError: they differ; the message names where.
    """
    path = out / SETTINGS
    if not path.exists():
        if (out / WORK).exists():
            raise RequestError(f"{out} holds shards without {SETTINGS}; give another --out")
        out.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{SETTINGS}.part")
        part.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
        return
    try:
        begun = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise RequestError(f"{path} cannot be read ({error}); give another --out") from error
    differing = [name for name in settings if begun.get(name) != settings[name]]
    if differing:
        told = "; ".join(f"{name}: {begun.get(name)} (now {settings[name]})" for name in differing)
        raise RequestError(
            f"{out} is the folder of another job ({told}); give what it was begun with to go on, "
            "or another --out"
        )


def _check_judge(judge: Judge, scheme: Scheme) -> None:
    known = judge.folder.profile.protocols
    if scheme.protocol not in known:
        raise RequestError(
            f"judge {judge.folder.profile.name!r} has no {scheme.protocol} protocol; it has "
            f"{', '.join(known)}: choose one of these, or another --judge"
        )


def _rows_without_samples(samples: Shards) -> list[int]:
    lines = (json.loads(line) for line in samples.lines())
    return [line["row"] for line in lines if line["reason"] is not None]
