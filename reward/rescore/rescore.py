"""Judging again as one call: judged, compared, written, told of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from judge.errors import RequestError
from judge.judge import Judge
from reward.offline.comparisons import values
from reward.offline.forms import row_form
from reward.offline.jobs import JobPlan, RunStage, judge_and_write
from reward.offline.judging import JudgeFactory
from reward.offline.outputs import Features, Format, import_datasets, output_path, write_rows
from reward.offline.stages import run_stage
from reward.offline.unjudged import UnjudgedFile, open_unjudged
from reward.rescore.before import read_before
from reward.rescore.compare import Agreement, Comparisons
from reward.rescore.picture import PICTURE, draw_comparison

NAME = "rescored"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class RescorePlan:
    """What is judged again, and the column of the earlier scores, if it is none of those of
    :mod:`reward.rescore.before`.
    """

    job: JobPlan
    before_column: str | None = None
    kind: Format = "parquet"

    @property
    def data(self) -> Path:
        """Where the rows are written."""
        return output_path(self.job.out, NAME, self.kind)


async def rescore(
    plan: RescorePlan,
    make_judge: JudgeFactory,
    *,
    retry_unjudged: bool = False,
    run: RunStage = run_stage,
) -> Comparisons:
    """Judges the rows again, writes both judgements side by side, and compares them.

    The job's folder then holds the data, ``unjudged.jsonl``, ``report.json`` and
    ``before_after.png``. A run that was killed is gone on with by the same call.

    Raises:
        RequestError, StoreError, EngineDeadError: as :func:`reward.offline.jobs.judge_and_write`;
            or nothing was said before of any row.
        MissingExtraError: datasets, pyarrow or matplotlib is not installed.
    """
    write = partial(_write, plan)
    return await judge_and_write(
        plan.job, make_judge, write, retry_unjudged=retry_unjudged, run=run
    )


def _write(plan: RescorePlan, judge: Judge, stop: Event) -> Comparisons:
    out, sums = plan.job.out, Comparisons()
    maker = plan.job.maker(judge)
    with open_unjudged(out) as unjudged:
        write_rows(_rows(plan, sums, maker, unjudged, stop), _features(), plan.data, plan.kind)
    if sums.without_before and not sums.candidates:
        raise RequestError(f"nothing to compare with: {sums.problem}")
    text = json.dumps({**sums.to_json(), **maker}, indent=2)
    (out / REPORT).write_text(text + "\n", encoding="utf-8")
    draw_comparison(sums, out / PICTURE)
    return sums


def _rows(
    plan: RescorePlan,
    sums: Comparisons,
    maker: Mapping[str, str],
    unjudged: UnjudgedFile,
    stop: Event,
) -> Iterator[dict[str, Any]]:
    """The rows of the file, which are compared as they pass."""
    for row, record in plan.job.rows(stop):
        unjudged.add(row, record)
        if record.facts is None:
            sums.add_record(record)
            continue
        form = row_form(row.columns, row.number, as_chat=False)
        try:
            before = read_before(row.columns, len(form.texts), plan.before_column)
        except RequestError as error:
            sums.add_without_before(record, str(error))
            continue
        after = values(record.facts.equals, record.comparisons)
        agreements = sums.add(record, before, after)
        yield {
            "id": form.id,
            "prompt": form.prompt,
            "candidates": list(form.texts),
            "before": None if before.is_order else list(before.scores),
            "after": list(after),
            **{name.replace(" ", "_"): agreements[name] for name in Agreement},
            **maker,
            "rubric": plan.job.rubric_of(row.columns),
        }


def _features() -> Features:
    datasets = import_datasets()
    text, number = datasets.Value("string"), datasets.Value("float64")
    several = datasets.List
    return {
        "id": text,
        "prompt": text,
        "candidates": several(text),
        "before": several(number),
        "after": several(number),
        **{name.replace(" ", "_"): datasets.Value("int64") for name in Agreement},
        "protocol": text,
        "rubric": text,
        "judge_model": text,
        "judge_fingerprint": text,
    }
