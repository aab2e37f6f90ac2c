"""From rows to chosen candidates and a curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from judge import RequestError
from reward.best_of_n.best_of_n import BestOfNPlan, best_of_n
from reward.best_of_n.knockout import Knockout
from reward.best_of_n.truth import column_truth, import_scorer, scored_truth
from reward.offline.forms import check_texts
from tests.reward.offline.scripted import plan_of, scripted_judge, write_table


def rows(count: int = 12, n: int = 8) -> list[dict[str, Any]]:
    """What candidates say of themselves is half true."""
    return [
        {
            "id": f"r{row}",
            "prompt": f"Q{row}",
            "completions": [
                f"score={(row * 3 + place * 7) % 9 + 1} of {place}" for place in range(n)
            ],
            "true": [float((row * 3 + place * 7) % 9 + place % 3) for place in range(n)],
        }
        for row in range(count)
    ]


@pytest.mark.parametrize("by", ["pointwise", "knockout", "listwise"])
async def test_the_curve_rises_and_lies_between_chance_and_the_best(
    tmp_path: Path, by: str
) -> None:
    source = write_table(tmp_path / "rows.jsonl", rows())
    scheme = Knockout() if by == "knockout" else None
    job = plan_of(
        source, tmp_path / "job", by, **({"scheme": scheme} if scheme else {}), check=check_texts
    )
    report = await best_of_n(BestOfNPlan(job, column_truth("true")), scripted_judge)
    assert [point.n for point in report.points] == [1, 2, 4, 8]
    judged = [point.means["judge"] for point in report.points]
    assert judged == sorted(judged)
    last = report.points[-1].means
    assert last["random"] < last["judge"] <= last["oracle"]
    assert 0 < (report.share_of_oracle or 0) <= 1
    assert (tmp_path / "job" / "curve.png").stat().st_size > 5_000
    chosen = load_dataset(
        "parquet",
        data_files=str(tmp_path / "job" / "chosen.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    for row in chosen:
        assert row["completion"] == row["candidates"][row["best"]]
        said = [int(text[6]) for text in row["candidates"]]
        assert int(row["completion"][6]) == max(said)
    written = json.loads((tmp_path / "job" / "report.json").read_text())
    assert written["gain"] == report.gain
    assert report.table().count("\n") == 5


async def test_rows_without_a_verdict_keep_the_denominator(tmp_path: Path) -> None:
    mute = {"prompt": "mute", "completions": ["score=1", "score=2"], "true": [0.0, 1.0]}
    good = {"prompt": "fine", "completions": ["score=1", "score=2"], "true": [0.0, 1.0]}
    source = write_table(tmp_path / "rows.jsonl", [mute, good])
    job = plan_of(source, tmp_path / "job", "pointwise", check=check_texts)
    report = await best_of_n(BestOfNPlan(job, column_truth("true")), scripted_judge)
    assert report.points[-1].means["judge"] == pytest.approx(0.75)
    assert report.points[-1].unjudged == 0.5
    assert (report.counts.rows, report.counts.chosen) == (2, 1)
    assert len((tmp_path / "job" / "unjudged.jsonl").read_text().splitlines()) == 1


async def test_without_true_scores_no_curve_is_drawn(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", rows(3))
    job = plan_of(source, tmp_path / "job", "pointwise", check=check_texts)
    report = await best_of_n(BestOfNPlan(job), scripted_judge)
    assert report.gain is None
    assert not (tmp_path / "job" / "curve.png").exists()
    assert "| N | unjudged | tied |" in report.table()


async def test_true_scores_that_do_not_fit_are_told_and_cost_no_judging(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", rows(3))
    job = plan_of(source, tmp_path / "job", "pointwise", check=check_texts)
    with pytest.raises(RequestError, match="row 1: column 'truth' has to give 8 finite numbers"):
        await best_of_n(BestOfNPlan(job, column_truth("truth")), scripted_judge)
    log = tmp_path / "asked"
    await best_of_n(BestOfNPlan(job, column_truth("true")), lambda: scripted_judge(log=log))
    assert not log.exists()


def test_a_scorer_is_a_function_that_is_named() -> None:
    scorer = import_scorer("operator:contains")
    assert scored_truth(scorer)({"a": 1}, ["a", "b"]) == [1.0, 0.0]
    for wrong in ("operator", "operator:none_such", "no.such.module:f"):
        with pytest.raises(RequestError, match="module:function"):
            import_scorer(wrong)
