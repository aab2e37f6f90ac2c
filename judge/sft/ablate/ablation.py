"""All runs of an ablation, one after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.folder import embedded_checkpoint, open_judge
from judge.sft.ablate.pool import curated_pool
from judge.sft.ablate.report import RunResult
from judge.sft.ablate.runs import RESULT, read_result, run_setting
from judge.sft.ablate.settings import QUESTIONS, AblationPlan, Question, settings_of

_PLAN, _POOL, _RUNS = "plan.json", "pool", "runs"


def run_all(
    plan: AblationPlan, questions: Sequence[Question], seeds: int, out: Path
) -> list[RunResult]:
    """Runs each setting that the questions need with each seed; returns every result in ``out``,
    those of earlier calls included.

    Raises:
        RequestError: ``out`` belongs to another plan.
        JudgeFolderError: no such base.
        EngineError: a judge that was trained cannot be run.
    """
    _claim(plan, out)
    pool = curated_pool(plan, out / _POOL)
    runs = [(setting, seed) for setting in settings_of(questions) for seed in range(seeds)]
    with tqdm(runs, desc="ablation", unit="run") as bar:
        for setting, seed in bar:
            bar.set_postfix_str(f"{setting.name}, seed {seed}")
            run_setting(setting, seed, plan, pool, out / _RUNS / f"{setting.name}-{seed}")
    return [
        read_result(folder)
        for setting in settings_of(QUESTIONS)
        for folder in sorted((out / _RUNS).glob(f"{setting.name}-[0-9]*"))
        if (folder / RESULT).is_file()
    ]


def _claim(plan: AblationPlan, out: Path) -> None:
    """Notes the plan and what its base is; the runs of another one are not gone on with."""
    checkpoint = plan.base if Path(plan.base).is_dir() else embedded_checkpoint(plan.base)
    base = open_judge(checkpoint).fingerprint("base")
    path, text = out / _PLAN, json.dumps({**asdict(plan), "base_fingerprint": base}, indent=2)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise RequestError(
            f"{out} holds runs of another plan or base (see {_PLAN} there); "
            "use the same options, or another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
