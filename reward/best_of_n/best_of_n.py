"""A best-of-N run as one call: judged, chosen, written, measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from judge.errors import RequestError
from judge.judge import Judge
from reward.best_of_n.curve import Choices, Curve
from reward.best_of_n.knockout import Knockout, draw
from reward.best_of_n.picks import Pick, Picker, pick_by_knockout, pick_by_value
from reward.best_of_n.picture import PICTURE, draw_curve
from reward.best_of_n.report import BestOfNReport, Counts
from reward.best_of_n.ties import TieBreak
from reward.best_of_n.truth import Truth
from reward.offline.comparisons import values
from reward.offline.forms import RowForm, row_form
from reward.offline.jobs import JobPlan, RunStage, judge_and_write
from reward.offline.judging import JudgeFactory
from reward.offline.outputs import Features, Format, import_datasets, output_path, write_rows
from reward.offline.records import RowRecord, SeenForms
from reward.offline.sources import SourceRow
from reward.offline.stages import run_stage
from reward.offline.unjudged import UnjudgedFile, open_unjudged
from reward.offline.writing import steps

NAME = "chosen"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class BestOfNPlan:
    """How candidates are chosen and the choice is measured.

    Args:
        job: what is judged. Its scheme is a :class:`~reward.best_of_n.knockout.Knockout`, whose
            seeds and ties have to be those here, or one that scores each candidate.
        truth: the candidates' true scores, if they are known.
        seeds: draws of the first N candidates, for the curve.
        ties: which of several equally good candidates is taken.
        kind: of the file.

    Raises:
        RequestError: fewer than one seed, or a knockout of other seeds or ties.
    """

    job: JobPlan
    truth: Truth | None = None
    seeds: int = 3
    ties: TieBreak = field(default_factory=TieBreak)
    kind: Format = "parquet"

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise RequestError(f"seeds is at least 1, got {self.seeds}")
        scheme = self.job.scheme
        if isinstance(scheme, Knockout) and (scheme.seeds, scheme.ties) != (self.seeds, self.ties):
            raise RequestError("a knockout's seeds and ties have to be those of the plan")

    @property
    def data(self) -> Path:
        """Where the chosen candidates are written."""
        return output_path(self.job.out, NAME, self.kind)


async def best_of_n(
    plan: BestOfNPlan,
    make_judge: JudgeFactory,
    *,
    retry_unjudged: bool = False,
    run: RunStage = run_stage,
) -> BestOfNReport:
    """Judges the rows' candidates, writes the chosen ones, and measures the choice.

    The job's folder then holds the data (prompt and completion, as TRL's SFT takes them, of the
    rows in which one could be chosen), ``unjudged.jsonl``, ``report.json`` and, where the true
    scores are known, ``curve.png``. A run that was killed is gone on with by the same call.

    Raises:
        RequestError, StoreError, EngineDeadError: as :func:`reward.offline.jobs.judge_and_write`.
        MissingExtraError: datasets, pyarrow or matplotlib is not installed.
    """
    write = partial(_write, plan)
    return await judge_and_write(
        plan.job, make_judge, write, retry_unjudged=retry_unjudged, run=run
    )


def _write(plan: BestOfNPlan, judge: Judge, stop: Event) -> BestOfNReport:
    out = plan.job.out
    seen = SeenForms()
    for record in steps(plan.job.records(), "counting", None, stop):
        seen.add(record)
    choosing = _Choosing(plan, seen.as_chat, seen.has_pictures)
    maker = plan.job.maker(judge)
    with open_unjudged(out) as unjudged:
        rows = choosing.rows(maker, unjudged, stop)
        write_rows(rows, choosing.features(), plan.data, plan.kind)
    report = BestOfNReport(choosing.counts, choosing.curve.points())
    text = json.dumps({**report.to_json(), **maker}, indent=2)
    (out / REPORT).write_text(text + "\n", encoding="utf-8")
    if plan.truth is not None:
        draw_curve(report.points, out / PICTURE)
    return report


class _Choosing:
    """The rows that are written, which are counted as they pass."""

    def __init__(self, plan: BestOfNPlan, as_chat: bool, with_pictures: bool) -> None:
        self._plan, self._as_chat, self._with_pictures = plan, as_chat, with_pictures
        self.counts, self.curve = Counts(), Curve(plan.seeds)

    def rows(
        self, maker: Mapping[str, str], unjudged: UnjudgedFile, stop: Event
    ) -> Iterator[dict[str, Any]]:
        for row, record in self._plan.job.rows(stop):
            self.counts.add(record)
            unjudged.add(row, record)
            if record.facts is None:
                continue
            form = row_form(row.columns, row.number, as_chat=self._as_chat)
            pick = self._picker(record)
            truth = self._truth(row, form)
            self.curve.add(Choices(record.row, form.texts, pick, truth))
            chosen = pick(draw(len(form.texts), 0, record.row))
            if chosen.place is not None:
                self.counts.chosen += 1
                yield {
                    **self._columns(form, record, chosen, chosen.place, truth),
                    **maker,
                    "rubric": self._plan.job.rubric_of(row.columns),
                }

    def features(self) -> Features:
        """Columns and types of the rows."""
        datasets = import_datasets()
        text, number = datasets.Value("string"), datasets.Value("float64")
        several = datasets.List
        form = several({"role": text, "content": text}) if self._as_chat else text
        pictures = {"images": several(datasets.Image())} if self._with_pictures else {}
        return {
            "id": text,
            "prompt": form,
            **pictures,
            "completion": form,
            "best": datasets.Value("int64"),
            "tied": datasets.Value("bool"),
            "score": number,
            "true_score": number,
            "candidates": several(text),
            "values": several(number),
            "protocol": text,
            "rubric": text,
            "judge_model": text,
            "judge_fingerprint": text,
        }

    def _columns(
        self,
        form: RowForm,
        record: RowRecord,
        chosen: Pick,
        place: int,
        truth: list[float] | None,
    ) -> dict[str, Any]:
        assert record.facts is not None  # it has candidates
        valued = values(record.facts.equals, record.comparisons)
        return {
            "id": form.id,
            "prompt": form.prompt,
            **({"images": list(form.pictures)} if self._with_pictures else {}),
            "completion": form.completions[place],
            "best": place,
            "tied": chosen.tied,
            "score": valued[place],
            "true_score": truth[place] if truth else None,
            "candidates": list(form.texts),
            "values": list(valued),
        }

    def _picker(self, record: RowRecord) -> Picker:
        by_knockout = isinstance(self._plan.job.scheme, Knockout)
        return (pick_by_knockout if by_knockout else pick_by_value)(record, self._plan.ties)

    def _truth(self, row: SourceRow, form: RowForm) -> list[float] | None:
        if self._plan.truth is None:
            return None
        try:
            return list(self._plan.truth(row.columns, form.texts))
        except RequestError as error:
            raise RequestError(f"row {row.number + 1}: {error}") from error
