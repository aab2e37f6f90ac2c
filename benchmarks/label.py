"""Whether labelling takes the same memory and time a row for any number of rows, and what it adds
to the engine.

    .venv/bin/python benchmarks/label.py
    .venv/bin/python benchmarks/label.py --rows 10000 100000 1000000

With a scripted engine, preference rows of two candidates each are judged pointwise and written, in
a process of its own for each size. ``rows_per_s`` is over the whole run, files included, and
``rows_per_cpu_s`` by the processor's time instead of the clock's, for a machine that is shared;
``rss_growth_mb`` is the growth of the resident set from the first tenth of the judging to the end
of the run, in units of 2^20 bytes.

With the embedded judge and vLLM, the same kind of rows (pictures with two captions) go once through
the bare engine, as prompts that are rendered beforehand, and once through labelling, by turns, the
same number of questions in flight. A reply that cannot be read is not asked for again, so that both
ask the engine as much. ``label_over_engine`` is the median of labelling's judgements a second,
files included, over the bare engine's.

The last line is JSON: ``rows_per_s`` of the largest size, the greatest ``rss_growth_mb``,
``linear`` (the largest size's ``rows_per_cpu_s`` over the smallest's), and ``label_over_engine``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from judge import Judge, JudgeFolder, Prompt, load_image, load_rubric, request_from_row
from judge.engines import ScriptedEngine
from judge.folder import builtin_profile
from judge.media import data_uri
from judge.protocols import PROTOCOLS
from judge.streaming import in_order
from reward.label.label import LabelPlan, label
from reward.offline.forms import check_pairs
from reward.offline.jobs import JobPlan
from reward.offline.schemes import make_scheme

QUESTION = "What does the text say? " + "It goes on for a while. " * 20
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
_CANDIDATES = 2


def text_rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows of two different texts each."""
    for number in range(count):
        yield {
            "id": number,
            "prompt": QUESTION,
            "completions": [f"answer {number}, good", f"answer {number}, bad"],
        }


def picture_rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Pictures of the nano judge's world with two captions each."""
    from judge.nano.captions import corrupt
    from judge.nano.scenes import draw_scene, render
    from judge.nano.tasks import CAPTION_INSTRUCTION

    rng = random.Random(f"label benchmark/{seed}")
    for _ in range(count):
        scene = draw_scene(rng)
        yield {
            "prompt": CAPTION_INSTRUCTION,
            "image": data_uri(load_image(render(scene, rng))),
            "completions": [corrupt(scene, rng) for _ in range(_CANDIDATES)],
        }


def write_table(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def plan_of(source: Path, out: Path, rubric: str, concurrency: int) -> LabelPlan:
    return LabelPlan(
        JobPlan(
            str(source),
            out,
            make_scheme("pointwise", both_orders=False),
            load_rubric(rubric),
            check_pairs,
            concurrency=concurrency,
        )
    )


class Meter:
    """Resident memory when a tenth of the questions is answered, in MiB."""

    def __init__(self, questions: int) -> None:
        self._tenth = max(1, questions // 10)
        self._done = 0
        self.at_first_tenth = 0.0

    def reply(self, prompt: Prompt) -> str:
        self._done += 1
        if self._done == self._tenth:
            self.at_first_tenth = resident_mb()
        score = 8 if "good" in str(prompt.messages[-1].parts) else 3
        return f"<think>\nIt is clear and to the point.\n</think>\n<answer>{score}</answer>"


def resident_mb() -> float:
    """The process's resident set, garbage collected, in MiB; see proc(5)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


def load_packages() -> None:
    """What writing would load counts neither as growth nor as time."""
    for package in ("datasets", "pyarrow.parquet", "matplotlib.figure"):
        import_module(package)


async def scripted(rows: int, concurrency: int, folder: Path) -> dict[str, float]:
    """Labels that many rows with a scripted engine."""
    meter = Meter(rows * _CANDIDATES)
    judge = Judge(
        JudgeFolder(builtin_profile("default"), weights="none"), ScriptedEngine(meter.reply, keep=0)
    )
    source = write_table(folder / "rows.jsonl", text_rows(rows))
    load_packages()
    started, worked = time.perf_counter(), time.process_time()
    report = await label(plan_of(source, folder / "job", "helpfulness", concurrency), lambda: judge)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    if report.tally.kept != rows:
        raise RuntimeError(f"expected {rows} pairs, got {report.tally.to_json()}")
    return {
        "rows": rows,
        "rows_per_s": round(rows / seconds, 1),
        "rows_per_cpu_s": round(rows / cpu_seconds, 1),
        "rss_growth_mb": round(resident_mb() - meter.at_first_tenth, 1),
    }


class KeptJudge(Judge):
    """A judge whose engine serves several runs."""

    async def close(self) -> None:
        """Left to :meth:`finish`."""

    async def finish(self) -> None:
        await super().close()


async def over_engine(rows: int, rounds: int, concurrency: int, folder: Path) -> dict[str, Any]:
    """Labelling and the bare engine by turns, each on rows of its own."""
    judge = KeptJudge.from_folder("nano", decoding={"reasks": 0})
    await judge.start()
    load_packages()
    ratios, speeds = [], []
    try:
        await bare_engine(judge, list(picture_rows(20, seed=-1)), concurrency)
        for number in range(rounds):
            bare = await bare_engine(judge, list(picture_rows(rows, 2 * number)), concurrency)
            source = write_table(folder / f"{number}.jsonl", picture_rows(rows, 2 * number + 1))
            started = time.perf_counter()
            await label(
                plan_of(source, folder / f"job-{number}", "captioning", concurrency), lambda: judge
            )
            labelled = rows * _CANDIDATES / (time.perf_counter() - started)
            ratios.append(labelled / bare)
            speeds.append(labelled)
    finally:
        await judge.finish()
    return {
        "label_over_engine": round(median(ratios), 3),
        "label_over_engine_rounds": [round(ratio, 3) for ratio in ratios],
        "judgements_per_s": round(median(speeds), 1),
    }


async def bare_engine(judge: Judge, rows: list[dict[str, Any]], concurrency: int) -> float:
    """Replies a second of the engine alone."""
    protocol = PROTOCOLS["pointwise"](
        judge.folder.profile.protocols["pointwise"], judge.folder.profile.molecules
    )
    rubric = load_rubric("captioning")
    prompts = [
        protocol.render(request_from_row({**row, "completions": [text]}, rubric, "pointwise"))
        for row in rows
        for text in row["completions"]
    ]

    async def ask(prompt: Prompt) -> object:
        return await judge.engine.generate(prompt, judge.decoding)

    started = time.perf_counter()
    replies = [reply async for reply in in_order(prompts, ask, concurrency * _CANDIDATES)]
    return len(replies) / (time.perf_counter() - started)


def scripted_alone(rows: int, concurrency: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(scripted(rows, concurrency, Path(folder)))


def over_engine_alone(rows: int, rounds: int, concurrency: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(over_engine(rows, rounds, concurrency, Path(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--engine-rows", type=int, default=600, metavar="N", help="0: no engine")
    parser.add_argument("--rounds", type=int, default=3, help="of engine and labelling")
    parser.add_argument("--concurrency", type=int, default=64)
    args = parser.parse_args()
    sizes, summary = [], dict[str, Any]()
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as alone:
        for rows in sorted(args.rows):
            sizes.append(alone.submit(scripted_alone, rows, args.concurrency).result())
            print(json.dumps(sizes[-1]), flush=True)
        if sizes:
            summary["rows_per_s"] = sizes[-1]["rows_per_s"]
            summary["rss_growth_mb"] = max(size["rss_growth_mb"] for size in sizes)
            summary["linear"] = round(sizes[-1]["rows_per_cpu_s"] / sizes[0]["rows_per_cpu_s"], 3)
        if args.engine_rows:
            running = alone.submit(
                over_engine_alone, args.engine_rows, args.rounds, args.concurrency
            )
            summary.update(running.result())
    print(json.dumps({**summary, "sizes": sizes}))


if __name__ == "__main__":
    main()
