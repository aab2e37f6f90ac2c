"""Judging a JSONL file: in order, resumable, with progress."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
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
            is not an unfinished run of this judge and rubric on this source.
    """
    if concurrency < 1:
        raise RequestError(f"concurrency has to be at least 1, got {concurrency}")
    maker = {"judge": judge.fingerprint, "rubric": rubric.fingerprint() if rubric else None}
    total, done = _check_files(source, target, maker, resume=resume)
    tally = _Tally()
    with (
        target.open("a", encoding="utf-8", errors="backslashreplace") as out,
        tqdm(total=total, initial=done, desc="judging", unit="row") as bar,
    ):
        window: deque[asyncio.Task[tuple[dict[str, Any], Outcome]]] = deque()

        async def write_first() -> None:
            row, outcome = await window.popleft()
            tally.add(outcome)
            _write(out, row, outcome, maker)
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
            await asyncio.gather(*window, return_exceptions=True)
    return tally.report(total, done)


async def _judge_line(
    judge: Judge, line: str, rubric: Rubric | None
) -> tuple[dict[str, Any], Outcome]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:  # not JSON, or a number or a depth beyond limits
        return {"line": line}, Unjudged(Reason.BAD_REQUEST, f"not JSON: {error}")
    if not isinstance(row, dict):
        return {"line": line}, Unjudged(Reason.BAD_REQUEST, "a line must be a JSON object")
    try:
        request = request_from_row(row, rubric)
    except RequestError as error:
        return row, Unjudged(Reason.BAD_REQUEST, str(error))
    return row, await judge.judge(request)


def judgement(outcome: Outcome, maker: dict[str, str | None]) -> dict[str, Any]:
    """An outcome as JSON: ``score`` is null where there is none, and ``reason`` says why.

    ``maker`` holds the fingerprints of judge and rubric (null where each row names its own).
    """
    # Not the cached tokens: they tell of the run, and a resumed file is to equal a whole one.
    tokens = ("prompt_tokens", "completion_tokens")
    common = {**maker, "usage": {name: getattr(outcome.usage, name) for name in tokens}}
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


def _write(
    out: TextIO, row: dict[str, Any], outcome: Outcome, maker: dict[str, str | None]
) -> None:
    out.write(json.dumps({**row, KEY: judgement(outcome, maker)}, ensure_ascii=False) + "\n")
    out.flush()


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        yield from (line for line in lines if line.strip())


def _check_files(
    source: Path, target: Path, maker: dict[str, str | None], *, resume: bool
) -> tuple[int, int]:
    """Number of rows in ``source``, and of those that ``target`` holds already."""
    if not source.is_file():
        raise RequestError(f"no file {source}")
    if target.exists() and not resume:
        raise RequestError(f"{target} exists; go on with it by --resume, or remove it")
    total = sum(1 for _ in _lines(source))
    done = _prepare_resume(target, maker) if target.exists() else 0
    if done > total:
        raise RequestError(f"{target} has {done} rows and {source} {total}: not the same run")
    return total, done


def _prepare_resume(target: Path, maker: dict[str, str | None]) -> int:
    """Cuts a line that a kill left half written; returns the number of whole ones.

    Raises:
        RequestError: the file is not an unfinished run of the same judge and rubric.
    """
    data = target.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    rows = whole.splitlines()
    if rows:
        try:
            made_by = {name: json.loads(rows[-1])[KEY][name] for name in maker}
        except (ValueError, KeyError, TypeError):
            made_by = {}
        if made_by != maker:
            raise RequestError(
                f"{target} was made by {made_by or 'something else'}, and this run is {maker} "
                "(other weights, prompts, decoding or rubric); write to another file"
            )
    elif data and not data.startswith(b"{"):
        raise RequestError(f"{target} is not a file of judged rows; write to another file")
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
