"""One run of an ablation: rows, training, measuring. Its result is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import connection
from pathlib import Path

from judge.sft.ablate.measure import measure_judge
from judge.sft.ablate.report import RunResult
from judge.sft.ablate.rows import draw_rows
from judge.sft.ablate.settings import AblationPlan, Setting
from judge.sft.samples import TRAIN, JudgingRow, write_rows

RESULT, JUDGE = "result.json", "judge"


def run_setting(
    setting: Setting, seed: int, plan: AblationPlan, pool: Sequence[JudgingRow], folder: Path
) -> None:
    """Trains a judge and measures it, unless the folder holds a result already.

    A run that was stopped in its training goes on from its last checkpoint. Training and measuring
    have a process of their own, so that no run finds memory or state of another.

    Args:
        setting: what to train on.
        seed: which rows, in which order.
        plan: what all runs share.
        pool: curated rows to draw from.
        folder: the run's own: ``train.jsonl``, the ``judge``, ``result.json``.

    Raises:
        RequestError: the pool has too few rows.
        EngineError: the judge that was trained cannot be run.
    """
    done = folder / RESULT
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = draw_rows(setting, plan.rows, pool, seed)
    write_rows(folder / TRAIN, rows)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=end_with_parent) as process:
        result = process.submit(train_and_measure, setting, seed, plan, len(rows), folder).result()
    part = done.with_suffix(".part")
    part.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    part.replace(done)


def read_result(folder: Path) -> RunResult:
    """The result of a run that is done."""
    return RunResult(**json.loads((folder / RESULT).read_text(encoding="utf-8")))


def train_and_measure(
    setting: Setting, seed: int, plan: AblationPlan, rows: int, folder: Path
) -> RunResult:
    """Trains a judge on the folder's rows, and measures it."""
    seconds = _train(setting, seed, plan, folder)
    started = time.monotonic()
    figures = measure_judge(folder / JUDGE, plan)
    return RunResult(
        setting=setting.name,
        seed=seed,
        rows=rows,
        training_s=round(seconds, 1),
        measuring_s=round(time.monotonic() - started, 1),
        figures=figures,
    )


def _train(setting: Setting, seed: int, plan: AblationPlan, folder: Path) -> float:
    """What ``flex-judge sft`` does, by the recipe of nano-judge; returns its steps' seconds."""
    from judge.sft.train.command import parse_options
    from judge.sft.train.run import run_sft

    options = {
        "config": "nano",
        "model_name_or_path": plan.base,
        "data": folder / TRAIN,
        "output_dir": folder / JUDGE,
        "profile": setting.profile,
        "max_steps": -1,
        "num_train_epochs": 1,
        "per_device_train_batch_size": plan.batch_size,
        "seed": seed,
        "report_to": "none",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return run_sft(*parse_options(words)).seconds


def end_with_parent() -> None:
    """Ends this process as soon as its parent is gone, however that ended: a run that is started
    again must not find another one at work on its folder.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None  # a pool's process has one
    sentinel = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
