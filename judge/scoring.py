"""Judging a table of rows into a file: in order, resumable, with progress and flat memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.journal import resume_journal
from judge.judge import Judge
from judge.record import KEY, record
from judge.rows import request_from_row
from judge.rubrics import Rubric
from judge.streaming import in_order
from judge.tables import TableRow, open_table
from judge.types import ProtocolName
from judge.verdicts import Outcome, Reason, Unjudged


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a run did.

    ``rows`` counts all that ``target`` holds now, ``resumed`` those of them from an earlier run.
    Of this run, ``judged`` counts verdicts and ``unjudged`` the rest by reason; ``mean_score`` is
    over rows with one candidate, and ``flip_rate``, in [0, 1], over rows judged in both orders.
    Both are None without such a row.
    """

    rows: int
    resumed: int
    judged: int
    unjudged: dict[str, int]
    mean_score: float | None
    flip_rate: float | None


@dataclass(frozen=True, slots=True)
class _JudgedRow:
    columns: dict[str, Any]
    protocol: ProtocolName | None
    outcome: Outcome


async def score_file(
    judge: Judge,
    source: str | Path,
    target: Path,
    *,
    rubric: Rubric | None = None,
    protocol: ProtocolName | None = None,
    resume: bool = False,
    concurrency: int = 64,
) -> ScoreReport:
    """Judges each row of ``source`` and writes it, with its judgement, to ``target``.

    Rows are written in order, as soon as they and all before them are judged. A row that cannot
    be judged is written too, with its reason. The file is flushed after each row: after a kill,
    ``resume=True`` goes on behind the last whole line.

    A Parquet ``target`` is written when all rows are judged; until then, judgements stand in a
    journal beside it, ``<target>.journal.jsonl``, and that is what a killed run goes on with.

    Args:
        judge: the judge; its engine is started if it is not.
        source: rows as :func:`judge.tables.open_table` takes them.
        target: a ``.parquet`` file, or else a file of JSON lines (in which pictures' bytes are
            named by their hash).
        rubric: the rubric for every row, instead of the rows' own.
        protocol: the protocol for every row, instead of the rows' own.
        resume: go on with an unfinished ``target``.
        concurrency: rows judged at once.

    Raises:
        RequestError: ``source`` is missing, ``target`` exists and ``resume`` is off, or ``target``
            is not an unfinished run of this judge and rubric on this source.
        MissingExtraError: pyarrow or datasets is needed and not installed.
        EngineDeadError: the engine died; what is written stays.
    """
    if concurrency < 1:
        raise RequestError(f"concurrency has to be at least 1, got {concurrency}")
    table = open_table(source)
    is_parquet = target.suffix == ".parquet"
    journal = target.with_name(f"{target.name}.journal.jsonl") if is_parquet else target
    maker = {"judge": judge.fingerprint, "rubric": rubric.fingerprint() if rubric else None}
    done = _check_target(target, journal, maker, protocol, resume=resume)
    total = table.count()
    if total is not None and done > total:
        raise RequestError(f"{target} has {done} rows and {source} {total}: not the same run")
    if is_parquet:
        from judge.tables.parquet import check_schema, write_judged

        check_schema(table)

    async def judge_row(numbered: tuple[int, TableRow]) -> _JudgedRow:
        return await _judge_row(judge, *numbered, rubric=rubric, protocol=protocol)

    tally = _Tally()
    rows = enumerate(table.rows(done), start=done + 1)
    with (
        journal.open("a", encoding="utf-8", errors="backslashreplace") as out,
        tqdm(total=total, initial=done, desc="judging", unit="row") as bar,
    ):
        async with aclosing(in_order(rows, judge_row, concurrency)) as judged_rows:
            async for row in judged_rows:
                tally.add(row.outcome)
                columns = {} if is_parquet else row.columns
                _write(out, {**columns, KEY: record(row.outcome, row.protocol, maker)})
                bar.update()
                bar.set_postfix(unjudged=tally.unjudged.total(), refresh=False)
    if is_parquet:
        await asyncio.to_thread(write_judged, table, journal, target)
    return tally.report(done)


def _check_target(
    target: Path,
    journal: Path,
    maker: dict[str, str | None],
    protocol: ProtocolName | None,
    *,
    resume: bool,
) -> int:
    """Rows that are judged already."""
    for path in (target, journal):
        if path.exists() and not resume:
            raise RequestError(f"{path} exists; go on with it by --resume, or remove it")
    if target.exists() and not journal.exists():
        raise RequestError(f"{target} is finished (its journal is gone); write to another file")
    return resume_journal(journal, maker, protocol) if journal.exists() else 0


async def _judge_row(
    judge: Judge,
    number: int,
    row: TableRow,
    *,
    rubric: Rubric | None,
    protocol: ProtocolName | None,
) -> _JudgedRow:
    if row.problem:
        return _JudgedRow(row.columns, None, _bad_row(number, row.problem))
    try:  # in a thread: pictures, videos and sounds take their time
        request = await asyncio.to_thread(request_from_row, row.columns, rubric, protocol)
    except RequestError as error:
        return _JudgedRow(row.columns, None, _bad_row(number, str(error)))
    return _JudgedRow(row.columns, request.protocol, await judge.judge(request))


def _bad_row(number: int, problem: str) -> Unjudged:
    return Unjudged(Reason.BAD_REQUEST, f"row {number}: {problem}")


def _write(out: TextIO, row: dict[str, Any]) -> None:
    out.write(json.dumps(row, ensure_ascii=False, default=_json_value) + "\n")
    out.flush()


def _json_value(value: object) -> str:
    """What JSON cannot hold: bytes by their hash, and dates and the like as text."""
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    return str(value)


class _Tally:
    def __init__(self) -> None:
        self.unjudged: Counter[str] = Counter()
        self._judged = 0
        self._single, self._sum = 0, 0.0
        self._both_orders, self._flipped = 0, 0

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome, Unjudged):
            self.unjudged[outcome.reason.value] += 1
            return
        self._judged += 1
        if len(outcome.scores) == 1:
            self._single += 1
            self._sum += outcome.score
        if outcome.flipped is not None:
            self._both_orders += 1
            self._flipped += outcome.flipped

    def report(self, resumed: int) -> ScoreReport:
        return ScoreReport(
            rows=resumed + self._judged + self.unjudged.total(),
            resumed=resumed,
            judged=self._judged,
            unjudged=dict(self.unjudged),
            mean_score=self._sum / self._single if self._single else None,
            flip_rate=self._flipped / self._both_orders if self._both_orders else None,
        )
