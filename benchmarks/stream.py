"""Whether many rows stream through a judge at flat memory, and how fast all but the engine is.

The engine is scripted: what is measured is the way around it, first of requests through
``Judge.judge_many``, then of a JSONL file through ``score_file``. Memory is the process's resident
set, and its growth is counted from the first tenth of the rows on. Run it with

    .venv/bin/python benchmarks/stream.py --rows 100000

Ends with one JSON line; ``rss_growth_mb`` is the larger growth of the two, in units of 2^20 bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from judge import Candidate, Judge, JudgeFolder, JudgeRequest, Prompt, Verdict, load_rubric
from judge.engines import ScriptedEngine
from judge.folder import builtin_profile
from judge.scoring import score_file

RUBRIC = load_rubric("helpfulness")
QUESTION = "What does the text say? " + "It goes on for a while. " * 20
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows a second over the whole run, and growth of memory behind its first tenth, in MiB."""

    rows_per_s: float
    rss_growth_mb: float


async def through_judge(rows: int, concurrency: int) -> Figures:
    """A generator of requests through ``judge_many``."""
    meter = _Meter(rows)
    requests = (
        JudgeRequest((QUESTION,), (Candidate(f"answer no {number}"),), RUBRIC)
        for number in range(rows)
    )
    async for outcome in metered_judge(meter).judge_many(requests, concurrency=concurrency):
        if not isinstance(outcome, Verdict):
            raise TypeError(f"expected a verdict, got {outcome}")
    return meter.figures()


async def through_file(rows: int, concurrency: int, folder: Path) -> Figures:
    """A file of JSON lines through ``score_file``."""
    source, target = folder / "rows.jsonl", folder / "scored.jsonl"
    with source.open("w", encoding="utf-8") as lines:
        for number in range(rows):
            row = {"prompt": QUESTION, "completion": f"answer no {number}", "id": number}
            lines.write(json.dumps(row) + "\n")
    meter = _Meter(rows)
    judge = metered_judge(meter)
    report = await score_file(judge, source, target, rubric=RUBRIC, concurrency=concurrency)
    if report.judged != rows:
        raise RuntimeError(f"expected {rows} verdicts, got {report}")
    return meter.figures()


def metered_judge(meter: _Meter) -> Judge:
    """A judge without weights, whose engine tells the meter of each reply."""

    def reply(prompt: Prompt) -> str:
        meter.step()
        return "<think>\nIt is clear and to the point.\n</think>\n<answer>7</answer>"

    folder = JudgeFolder(builtin_profile("default"), weights="none")
    return Judge(folder, ScriptedEngine(reply, keep=0))


class _Meter:
    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._done = 0
        self._at_first_tenth = 0.0
        self._started = time.perf_counter()

    def step(self) -> None:
        self._done += 1
        if self._done == max(1, self._rows // 10):
            self._at_first_tenth = _resident_mb()

    def figures(self) -> Figures:
        seconds = time.perf_counter() - self._started
        return Figures(self._rows / seconds, _resident_mb() - self._at_first_tenth)


def _resident_mb() -> float:
    """The process's resident set, garbage collected, in MiB; see proc(5)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=64)
    args = parser.parse_args()
    judge = await through_judge(args.rows, args.concurrency)
    with tempfile.TemporaryDirectory() as folder:
        file = await through_file(args.rows, args.concurrency, Path(folder))
    print(
        json.dumps(
            {
                "rows": args.rows,
                "rows_per_s": round(judge.rows_per_s, 1),
                "file_rows_per_s": round(file.rows_per_s, 1),
                "rss_growth_mb": round(max(judge.rss_growth_mb, file.rss_growth_mb), 2),
                "concurrency": args.concurrency,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
