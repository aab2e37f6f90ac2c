"""Judging a JSONL file: in order, resumable, with progress."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.judge import Judge
from judge.rows import request_from_row
from judge.rubrics import Rubric
from judge.types import Outcome, Reason, Unjudged, Verdict

KEY = "judgement"
"""Column that is added to each row."""


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a run did. ``unjudged`` counts by reason; ``mean_score`` is None without a verdict."""

    rows: int
    resumed: int
    judged: int
    unjudged: dict[str, int]
    mean_score: float | None


async def score_file(
    judge: Judge,
    source: Path,
    target: Path,
    *,
    rubric: Rubric | None = None,
    resume: bool = False,
    concurrency: int = 64,
) -> ScoreReport:
    """Judges each line of ``source`` and writes it, with its judgement, to ``target``.

    Rows are written in order, as soon as they and all before them are judged. A row that cannot
    be judged is written too, with its reason. The file is flushed after each row: after a kill,
    ``resume=True`` goes on behind the last whole line.

    Raises:
        RequestError: ``source`` is missing, ``target`` exists and ``resume`` is off, or ``target``
            belongs to another judge.
    """
    total, done = _check_files(source, target, judge.fingerprint, resume=resume)
    tally = _Tally()
    with (
        target.open("a", encoding="utf-8") as out,
        tqdm(total=total, initial=done, desc="judging", unit="row") as bar,
    ):
        window: deque[asyncio.Task[tuple[dict[str, Any], Outcome]]] = deque()

        async def write_first() -> None:
            row, outcome = await window.popleft()
            tally.add(outcome)
            _write(out, row, outcome, judge.fingerprint)
            bar.update()
            bar.set_postfix(unjudged=sum(tally.unjudged.values()), refresh=False)

        try:
            for number, line in enumerate(_lines(source)):
                if number >= done:
                    window.append(asyncio.create_task(_judge_line(judge, line, rubric)))
                if len(window) >= concurrency:
                    await write_first()
            while window:
                await write_first()
        finally:
            for task in window:
                task.cancel()
    return tally.report(total, done)


async def _judge_line(
    judge: Judge, line: str, rubric: Rubric | None
) -> tuple[dict[str, Any], Outcome]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return {"line": line}, Unjudged(Reason.BAD_REQUEST, f"not JSON: {error}")
    if not isinstance(row, dict):
        return {"line": line}, Unjudged(Reason.BAD_REQUEST, "a line must be a JSON object")
    try:
        request = request_from_row(row, rubric)
    except RequestError as error:
        return row, Unjudged(Reason.BAD_REQUEST, str(error))
    return row, await judge.judge(request)


def judgement(outcome: Outcome, fingerprint: str) -> dict[str, Any]:
    """An outcome as JSON: ``score`` is null where there is none, and ``reason`` says why."""
    common = {"judge": fingerprint, "usage": asdict(outcome.usage)}
    if isinstance(outcome, Verdict):
        return {
            "score": outcome.score,
            "reason": None,
            "detail": None,
            "reasoning": outcome.reasoning,
            **common,
        }
    return {
        "score": None,
        "reason": outcome.reason.value,
        "detail": outcome.detail,
        "reasoning": outcome.reply,
        **common,
    }


def _write(out: TextIO, row: dict[str, Any], outcome: Outcome, fingerprint: str) -> None:
    out.write(json.dumps({**row, KEY: judgement(outcome, fingerprint)}, ensure_ascii=False) + "\n")
    out.flush()


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        yield from (line for line in lines if line.strip())


def _check_files(source: Path, target: Path, fingerprint: str, *, resume: bool) -> tuple[int, int]:
    """Number of rows in ``source``, and of those that ``target`` holds already."""
    if not source.is_file():
        raise RequestError(f"no file {source}")
    if target.exists() and not resume:
        raise RequestError(f"{target} exists; go on with it by --resume, or remove it")
    total = sum(1 for _ in _lines(source))
    done = _prepare_resume(target, fingerprint) if target.exists() else 0
    if done > total:
        raise RequestError(f"{target} has {done} rows and {source} {total}: not the same run")
    return total, done


def _prepare_resume(target: Path, fingerprint: str) -> int:
    """Cuts a line that a kill left half written; returns the number of whole ones."""
    data = target.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    rows = whole.splitlines()
    if rows:
        last = json.loads(rows[-1])
        judged_by = last.get(KEY, {}).get("judge") if isinstance(last, dict) else None
        if judged_by != fingerprint:
            raise RequestError(
                f"{target} was written by judge {judged_by}, and this one is {fingerprint} "
                "(other weights, prompts or decoding); write to another file"
            )
    with target.open("r+b") as file:
        file.truncate(len(whole))
    return len(rows)


class _Tally:
    def __init__(self) -> None:
        self.scores: list[float] = []
        self.unjudged: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome, Verdict):
            self.scores.append(outcome.score)
        else:
            self.unjudged[outcome.reason.value] += 1

    def report(self, rows: int, resumed: int) -> ScoreReport:
        mean = sum(self.scores) / len(self.scores) if self.scores else None
        return ScoreReport(rows, resumed, len(self.scores), dict(self.unjudged), mean)
