"""Judged again, and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge import RequestError
from judge.scoring import score_file
from reward.offline.forms import check_texts
from reward.rescore.before import read_before
from reward.rescore.compare import Agreement, Comparisons, agreement, table
from reward.rescore.rescore import RescorePlan, rescore
from tests.reward.offline.scripted import RUBRIC, plan_of, scripted_judge, write_table


async def again(folder: Path, rows: list[dict[str, Any]], **fields: Any) -> Comparisons:
    source = write_table(folder / "rows.jsonl", rows)
    job = plan_of(source, folder / "job", check=check_texts)
    return await rescore(RescorePlan(job, **fields), scripted_judge)


async def test_a_preference_set_is_compared_pair_by_pair(tmp_path: Path) -> None:
    pairs = [(9, 2), (2, 9), (5, 5), (7, 3)]
    rows = [
        {"prompt": f"Q{number}", "chosen": f"score={one}", "rejected": f"score={other}"}
        for number, (one, other) in enumerate(pairs)
    ]
    rows.append({"prompt": "mute", "chosen": "score=1", "rejected": "score=2"})
    found = await again(tmp_path, rows)
    assert found.agreements == {
        Agreement.SAME: 2,
        Agreement.REVERSED: 1,
        Agreement.TIE_AFTER: 1,
        Agreement.UNJUDGED: 1,
    }
    figures = json.loads((tmp_path / "job" / "report.json").read_text())
    assert (figures["agreement"], figures["reversed"]) == (0.4, 0.2)
    assert figures["spearman"] is None
    assert (tmp_path / "job" / "before_after.png").stat().st_size > 5_000
    assert "| agreement | 0.400 |" in table(figures)


async def test_what_flex_judge_scored_is_judged_again(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{n}", "completion": f"score={n % 9 + 1}"} for n in range(18)]
    source = write_table(tmp_path / "rows.jsonl", rows)
    scored = tmp_path / "scored.jsonl"
    await score_file(scripted_judge(), source, scored, rubric=RUBRIC)
    job = plan_of(scored, tmp_path / "job", check=check_texts)
    found = await rescore(RescorePlan(job), scripted_judge)
    figures = found.to_json()
    assert (figures["scores_compared"], figures["pairs"]) == (18, 0)
    assert figures["spearman"] == pytest.approx(1.0)
    assert figures["equal_scores"] == 1.0
    (maker,) = figures["judged_before_by"]
    assert maker == {
        "judge": scripted_judge().fingerprint,
        "rubric": RUBRIC.fingerprint(),
        "rows": 18,
    }


async def test_a_column_of_scores_is_named(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Q", "completion": f"score={score}", "reward": -score} for score in (1, 4, 7, 9)
    ]
    found = await again(tmp_path, rows, before_column="reward")
    assert found.to_json()["spearman"] == pytest.approx(-1.0)


async def test_rows_of_which_nothing_was_said_are_counted_apart(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Q", "completion": "score=4", "reward": 3},
        {"prompt": "Q", "completion": "score=5"},
    ]
    found = await again(tmp_path, rows, before_column="reward")
    assert (found.rows, found.without_before, found.candidates) == (2, 1, 1)
    with pytest.raises(RequestError, match="nothing to compare with"):
        await again(tmp_path / "none", rows[1:])


def test_agreements_of_two_scores() -> None:
    assert agreement((1, 2), (3, 9)) is Agreement.SAME
    assert agreement((1, 2), (9, 3)) is Agreement.REVERSED
    assert agreement((2, 2), (9, 3)) is Agreement.TIE_BEFORE
    assert agreement((1, 2), (3, 3)) is Agreement.TIE_AFTER
    assert agreement((2, 2), (3, 3)) is Agreement.TIE_BOTH
    assert agreement((1, None), (3, 3)) is Agreement.UNJUDGED


def test_what_was_said_before_is_found_in_its_columns() -> None:
    judged = {"judgement": {"scores": None, "judge": "j", "rubric": "r"}}
    assert read_before(judged, 2).scores == (None, None)
    labelled = {"chosen": "a", "rejected": "b", "chosen_score": 8, "rejected_score": 3}
    assert read_before(labelled, 2).scores == (8.0, 3.0)
    assert read_before({"chosen": "a", "rejected": "b"}, 2).is_order
    with pytest.raises(RequestError, match="has to hold 2 numbers"):
        read_before({"reward": [1]}, 2, "reward")
