"""A labelling run as one call: judged, paired, written, told of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from judge.errors import RequestError
from judge.judge import Judge
from reward.label.balance import LengthBalance
from reward.label.card import CARD, write_card
from reward.label.columns import Shape, features, preference_row
from reward.label.pairs import Drop, PairRules, RowPairs, row_pairs
from reward.label.picture import PICTURE, draw_scores
from reward.label.tally import Tally
from reward.offline.comparisons import Preference
from reward.offline.forms import row_form
from reward.offline.jobs import JobPlan, RunStage, judge_and_write
from reward.offline.judging import JudgeFactory
from reward.offline.outputs import Format, output_path, write_rows
from reward.offline.records import RowRecord, SeenForms
from reward.offline.sources import SourceRow
from reward.offline.stages import run_stage
from reward.offline.unjudged import UnjudgedFile, open_unjudged
from reward.offline.writing import steps

NAME = "train"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """What a preference dataset is made of.

    Args:
        job: what is judged. All else here may change between two runs in one folder, at the cost
            of writing the files again.
        rules: which pairs are kept.
        length_balanced: as many pairs whose longer candidate was chosen as those whose shorter.
        min_judged: share of the rows, in [0, 1], that have to be judged.
        kind: of the file.
        with_raw: whether each row holds the judge's replies.
        seed: decides which pairs are left out for balance.

    Raises:
        RequestError: a share outside [0, 1].
    """

    job: JobPlan
    rules: PairRules = field(default_factory=PairRules)
    length_balanced: bool = False
    min_judged: float = 0.9
    kind: Format = "parquet"
    with_raw: bool = True
    seed: int = 0

    @property
    def data(self) -> Path:
        """Where the dataset is written."""
        return output_path(self.job.out, NAME, self.kind)

    def __post_init__(self) -> None:
        if not 0 <= self.min_judged <= 1:
            raise RequestError(f"the least judged share is in [0, 1], got {self.min_judged}")


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What came of it.

    ``is_enough`` tells whether as many rows were judged as the plan asks for; everything is written
    either way.
    """

    data: Path
    tally: Tally
    is_enough: bool


async def label(
    plan: LabelPlan,
    make_judge: JudgeFactory,
    *,
    retry_unjudged: bool = False,
    run: RunStage = run_stage,
) -> LabelReport:
    """Judges the rows and writes the preference dataset into the job's folder.

    The folder then holds the data, ``unjudged.jsonl``, ``report.json``, ``scores.png`` and
    ``README.md``. A run that was killed is gone on with by the same call, and ends with the same
    bytes as one that was not.

    Args:
        plan: what is to be made.
        make_judge: makes the judge.
        retry_unjudged: go through the rows again of which something stayed unjudged.
        run: where the work is done; see :mod:`reward.scale.labelling` for a cluster.

    Raises:
        RequestError, StoreError, EngineDeadError: as :func:`reward.offline.jobs.judge_and_write`.
        MissingExtraError: datasets, pyarrow or matplotlib is not installed.
    """
    write = partial(_write, plan)
    return await judge_and_write(
        plan.job, make_judge, write, retry_unjudged=retry_unjudged, run=run
    )


def _write(plan: LabelPlan, judge: Judge, stop: Event) -> LabelReport:
    out = plan.job.out
    tally, shape = _survey(plan, stop)
    maker = plan.job.maker(judge)
    pairs = _Pairs(plan, tally, shape, maker)
    with open_unjudged(out) as unjudged:
        write_rows(pairs.rows(unjudged, stop), features(shape), plan.data, plan.kind)
    report = {**tally.to_json(), **maker}
    (out / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw_scores(tally, out / PICTURE)
    write_card(out / CARD, plan, judge, tally)
    return LabelReport(plan.data, tally, tally.judged_share >= plan.min_judged)


def _survey(plan: LabelPlan, stop: Event) -> tuple[Tally, Shape]:
    """Counts all rows and the pairs they would give, and finds what form they take."""
    tally, seen = Tally(), SeenForms()
    for record in steps(plan.job.records(), "counting", None, stop):
        tally.add_row(row_pairs(record, plan.rules))
        seen.add(record)
    return tally, Shape(seen.as_chat, seen.has_pictures, plan.with_raw)


class _Pairs:
    """The rows of the dataset, which the tally counts as they pass."""

    def __init__(
        self, plan: LabelPlan, tally: Tally, shape: Shape, maker: Mapping[str, str]
    ) -> None:
        self._plan, self._tally, self._shape, self._maker = plan, tally, shape, maker
        longer, shorter = tally.leads[1], tally.leads[-1]
        self._balance = LengthBalance(longer, shorter, plan.seed) if plan.length_balanced else None

    def rows(self, unjudged: UnjudgedFile, stop: Event) -> Iterator[dict[str, Any]]:
        """The rows; what stayed unjudged is written to a file of its own by the way."""
        for row, record in self._plan.job.rows(stop):
            unjudged.add(row, record)
            pairs = row_pairs(record, self._plan.rules)
            kept = [pair for pair in pairs.kept if self._keeps(pair, record)]
            yield from self._rows_of(row, replace(pairs, kept=tuple(kept)))

    def _rows_of(self, row: SourceRow, pairs: RowPairs) -> Iterator[dict[str, Any]]:
        if not pairs.kept:
            return
        form = row_form(row.columns, row.number, as_chat=self._shape.as_chat)
        maker = {**self._maker, "rubric": self._plan.job.rubric_of(row.columns)}
        for pair in pairs.kept:
            self._tally.add_kept(pair, pairs)
            yield preference_row(form, pairs, pair, maker, self._shape)

    def _keeps(self, pair: Preference, record: RowRecord) -> bool:
        assert record.facts is not None  # a row without candidates has no pair
        if self._balance is None or self._balance.keeps(pair, record.facts.lengths):
            return True
        self._tally.dropped[Drop.LENGTH] += 1
        return False
