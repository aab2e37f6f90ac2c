"""The commands for judging ahead of training, as a shell calls them, but for the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import judge.judge
from judge.engines import ScriptedEngine
from reward.cli import main
from tests.reward.offline.scripted import reply, scored_rows, write_table


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one fake: the engine of whatever judge is named."""
    monkeypatch.setattr(judge.judge, "make_engine", lambda *_, **__: ScriptedEngine(reply, keep=0))


@pytest.mark.usefixtures("scripted")
def test_label_ends_with_a_line_of_figures_and_tells_too_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "rows.jsonl", scored_rows(14))
    arguments = ["label", "--input", str(table), "--out", str(tmp_path / "job")]
    arguments += ["--rubric", "helpfulness", "--format", "jsonl"]  # nano judges one at a time
    assert main([*arguments, "--push-to-hub", "someone/pairs"]) == 3
    captured = capsys.readouterr()
    figures = json.loads(captured.out.splitlines()[-1])
    assert (figures["rows"], figures["judged"]) == (14, 12)
    assert "--retry-unjudged" in captured.err
    assert "not put on the hub" in captured.err
    assert main([*arguments, "--min-judged", "0.5"]) == 0
    assert main([*arguments, "--min-judged", "0.5", "--limit", "3"]) == 1
    assert "limit: None (now 3)" in capsys.readouterr().err


@pytest.mark.usefixtures("scripted")
def test_best_of_n_prints_the_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "true": [1.0, 0.0]} for row in scored_rows(5)]
    table = write_table(tmp_path / "rows.jsonl", rows)
    arguments = ["best-of-n", "--input", str(table), "--out", str(tmp_path / "job")]
    assert main([*arguments, "--rubric", "helpfulness", "--truth-column", "true"]) == 0
    out = capsys.readouterr().out
    assert "| N | judge | random | majority | longest | oracle | unjudged | tied |" in out
    assert json.loads(out.splitlines()[-1])["n"] == 2


@pytest.mark.usefixtures("scripted")
def test_what_was_labelled_can_be_rescored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "rows.jsonl", scored_rows(6))
    rubric = ["--rubric", "helpfulness"]
    assert main(["label", "--input", str(table), "--out", str(tmp_path / "job"), *rubric]) == 0
    data = str(tmp_path / "job" / "train.parquet")
    assert main(["rescore", "--input", data, "--out", str(tmp_path / "again"), *rubric]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["agreement"], figures["spearman"]) == (1.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--concurrency", "0"], "--concurrency is at least 1"),
        (["--protocol", "pairwise"], "has no pairwise protocol"),
        (["--min-judged", "2"], r"in [0, 1], got 2"),
        (["--rubric", "none"], "none"),
        (["--store", "mysql://x"], "store is the path of an SQLite file"),
    ],
)
@pytest.mark.usefixtures("scripted")
def test_what_cannot_be_done_is_told_before_anything_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    table = write_table(tmp_path / "rows.jsonl", scored_rows(2))
    common = ["label", "--input", str(table), "--out", str(tmp_path / "job")]
    assert main([*common, "--rubric", "helpfulness", *arguments]) == 1
    assert problem in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    table = write_table(tmp_path / "rows.jsonl", scored_rows(400))
    code = """
import judge.judge, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from judge.engines import ScriptedEngine
from reward.cli import main
from tests.reward.offline.scripted import reply
judge.judge.make_engine = lambda *_, **__: ScriptedEngine(reply, delay=0.05, keep=0)
sys.exit(main(sys.argv[1:]))
"""
    arguments = ["label", "--input", str(table), "--out", str(tmp_path / "job")]
    arguments += ["--rubric", "helpfulness", "--concurrency", "2", "--shard-rows", "4"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
    shard = tmp_path / "job" / "work" / "records" / "000001.jsonl"
    interrupter = threading.Thread(target=_interrupt_when, args=(shard, process))
    interrupter.start()
    _, errors = process.communicate(timeout=240)
    interrupter.join()
    assert process.returncode == 130, errors[-2000:]
    assert "the same command goes on from there" in errors
    assert shard.exists()
    assert not list(shard.parent.glob("*.part"))


def _interrupt_when(path: Path, process: subprocess.Popen[Any]) -> None:
    while process.poll() is None and not path.exists():
        threading.Event().wait(0.01)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGINT)


@pytest.mark.parametrize("command", ["label", "best-of-n", "rescore"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    for told in ("examples:", "the same command goes on", "docs/labelling.md", "--ray", "--store"):
        assert told in out
