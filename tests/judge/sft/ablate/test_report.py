"""What an ablation reports: means over seeds, gaps where a figure is not defined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from judge.sft.ablate.plot import PLOT, plot
from judge.sft.ablate.report import RESULTS, TABLE, RunResult, summarise, table, write_report
from judge.sft.ablate.settings import QUESTIONS, AblationPlan, settings_of

PLAN = AblationPlan(rows=100)


def result(setting: str, seed: int = 0, rows: int = 100, **changes: Any) -> RunResult:
    figures = {
        "spearman_text": 0.9,
        "spearman_image": 0.8,
        "spearman_molecule": 0.4,
        "exact_text": 0.7,
        "exact_image": 0.5,
        "parse_rate": 1.0,
        "lift_master-key": -2.0,
        "lift_persuasion": 0.25,
    }
    return RunResult(setting, seed, rows, 60.0, 30.0, figures | changes)


def line_of(label: str, text: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_line_holds_the_figures_of_a_setting() -> None:
    cells = ["baseline", "100", "0.900", "0.800", "0.400", "0.700", "0.500", "1.000"]
    assert line_of("baseline", table([result("baseline")], PLAN)) == [
        *cells,
        "-2.00",
        "+0.25",
        "60 s",
    ]


def test_several_seeds_are_told_by_mean_and_deviation() -> None:
    results = [result("baseline", seed, spearman_text=rho) for seed, rho in enumerate((0.8, 0.9))]
    text = table(results, PLAN)
    assert line_of("baseline", text)[2] == "0.850 ± 0.071"
    assert "2 seed(s)" in text
    assert summarise(results)["spearman_text"] == {"baseline": 0.85}


def test_a_figure_that_one_run_does_not_have_is_no_number() -> None:
    results = [result("baseline"), result("baseline", 1, spearman_image=None)]
    assert line_of("baseline", table(results, PLAN))[3] == "–"
    assert summarise(results)["spearman_image"] == {"baseline": None}


def test_settings_stand_in_the_order_of_the_questions() -> None:
    results = [result(setting.name) for setting in reversed(settings_of(QUESTIONS))]
    lines = [line for line in table(results, PLAN).splitlines() if line.startswith("| ")][1:]
    assert [line.split("|")[1].strip() for line in lines] == [
        setting.label for setting in settings_of(QUESTIONS)
    ]


def test_all_figures_are_written(tmp_path: Path) -> None:
    results = [result("baseline"), result("answer-first")]
    text = write_report(results, PLAN, tmp_path)
    assert (tmp_path / TABLE).read_text(encoding="utf-8") == f"{text}\n"
    written = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert [RunResult(**run) for run in written["runs"]] == results
    assert written["plan"]["rows"] == 100


@pytest.mark.parametrize("missing", [None, "spearman_image"])
def test_the_plot_is_drawn_of_what_there_is(tmp_path: Path, missing: str | None) -> None:
    changes = {missing: None} if missing else {}
    results = [
        result(setting.name, rows=round(100 * setting.size), **changes)
        for setting in settings_of(QUESTIONS)
    ]
    plot(results, tmp_path / "all.png")
    plot([result("answer-first")], tmp_path / PLOT)
    for name in ("all.png", PLOT):
        with Image.open(tmp_path / name) as picture:
            assert picture.size[0] > 1000
