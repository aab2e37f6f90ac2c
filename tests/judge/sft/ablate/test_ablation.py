"""An ablation from the command line: a real one in small, and what is done is not done again."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from judge.cli import main
from judge.errors import RequestError
from judge.sft.ablate.ablation import run_all
from judge.sft.ablate.pool import curated_pool
from judge.sft.ablate.report import RESULTS, TABLE
from judge.sft.ablate.runs import RESULT
from judge.sft.ablate.settings import AblationPlan, settings_of
from judge.sft.samples import TRAIN
from tests.judge.sft.ablate.test_report import result

PLAN = AblationPlan(rows=10, samples=2, attacked=1, engine="transformers")


def put_result(out: Path, setting: str, seed: int, **figures: Any) -> None:
    folder = out / "runs" / f"{setting}-{seed}"
    folder.mkdir(parents=True)
    text = json.dumps(asdict(result(setting, seed, **figures)))
    (folder / RESULT).write_text(text, encoding="utf-8")


def test_the_pool_is_curated_once_and_large_enough_for_every_setting(tmp_path: Path) -> None:
    pool = curated_pool(PLAN, tmp_path)
    kinds = [row.kind for row in pool]
    assert kinds.count("single") == 40
    assert kinds.count("hard") >= 1
    assert all(row.reply.startswith("<think>\n") for row in pool)
    written = (tmp_path / TRAIN).stat().st_mtime_ns
    assert curated_pool(PLAN, tmp_path) == pool
    assert (tmp_path / TRAIN).stat().st_mtime_ns == written


def test_runs_that_are_done_are_reported_and_not_run_again(tmp_path: Path) -> None:
    put_result(tmp_path, "answer-first", 0)
    put_result(tmp_path, "baseline", 0, spearman_text=0.5)
    put_result(tmp_path, "baseline", 1)
    results = run_all(PLAN, ["reasoning"], seeds=1, out=tmp_path)
    assert [(each.setting, each.seed) for each in results] == [
        ("baseline", 0),
        ("baseline", 1),
        ("answer-first", 0),
    ], "also what an earlier call with more seeds has left"
    assert results[0].figures["spearman_text"] == 0.5


def test_another_plan_does_not_go_on_with_what_is_there(tmp_path: Path) -> None:
    for name in ("baseline", "answer-first"):
        put_result(tmp_path, name, 0)
    run_all(PLAN, ["reasoning"], seeds=1, out=tmp_path)
    with pytest.raises(RequestError, match="another plan or base"):
        run_all(replace(PLAN, samples=3), ["reasoning"], seeds=1, out=tmp_path)


@pytest.mark.parametrize("option", ["--rows", "--samples", "--attacked", "--seeds"])
def test_sizes_have_to_be_positive(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sft-ablate", "--out", str(tmp_path), option, "0"]) == 2
    assert "have to be at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_settings_are_trained_and_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = ("reasoning", "pictures", "hardening")
    options = [f"--{name}={getattr(PLAN, name)}" for name in ("rows", "samples", "attacked")]
    only = [text for question in questions for text in ("--only", question)]
    out = ["--out", str(tmp_path), "--engine", PLAN.engine]
    assert main(["sft-ablate", *out, *only, *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    last = json.loads(printed[-1])
    assert last["runs"] == len(settings_of(questions)) == 4
    assert (tmp_path / TABLE).read_text(encoding="utf-8") in "\n".join(printed)
    runs = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))["runs"]
    for run in runs:
        assert run["rows"] == PLAN.rows
        assert run["figures"]["samples"] == 3 * PLAN.samples
        assert 0 <= run["figures"]["unjudged_master-key"] <= 1
        assert (tmp_path / "runs" / f"{run['setting']}-0" / "judge" / "judge.toml").is_file()
