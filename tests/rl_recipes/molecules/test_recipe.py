"""The recipe as the commands use it: whole runs, on a judge that is never wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge.errors import RequestError
from rl_recipes.cli import main
from rl_recipes.command import Method, parse_run
from rl_recipes.history import read_history
from tests.reward.harness import LiveServer

EXACT = ["--judge", "nano-teacher", "--serve_options", "--engine nano-teacher"]
QUICK = [*EXACT, "--eval_serve_options", "--engine nano-teacher", "--per_device_train_batch_size"]
QUICK += ["8", "--num_generations", "4", "--eval_rows", "8", "--watch_rows", "8"]


def grpo(out: Path, *options: str) -> dict[str, Any]:
    """A short run by the command; its summary."""
    told = ["grpo", "molecules-grpo-nano", "--output_dir", str(out), *QUICK, *options]
    assert main(told) == 0
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


@pytest.mark.parametrize("option", ["--bucket_size=0", "--desirability_weight=-1"])
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, option: str) -> None:
    run, _ = parse_run(
        "grpo", ["molecules-grpo-nano", "--output_dir", str(tmp_path), *option.split("=")]
    )
    with pytest.raises(RequestError, match="the molecules reward"):
        run.recipe.reward_functions(run.config)


@pytest.mark.parametrize("method", ["grpo", "dpo"])
def test_repeats_are_worth_less_in_grpo_and_no_matter_for_labels(
    method: Method, tmp_path: Path, exact: LiveServer
) -> None:
    told = [f"molecules-{method}-nano", "--output_dir", str(tmp_path), "--reward_url", exact.url]
    run, _ = parse_run(method, told)
    config = replace(run.config, reward_url=exact.url)
    (function,) = run.recipe.reward_functions(config)
    wish = [{"role": "user", "content": "Find a molecule with rings 1 to 1, donors 0 to 0."}]
    answer = [{"role": "assistant", "content": "Cc1ccccc1"}]
    rewards = function(prompts=[wish] * 2, completions=[answer] * 2)
    assert rewards == ([1.0, 0.0] if method == "grpo" else [1.0, 1.0])


def test_a_dry_run_shows_what_a_run_would_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["molecules-grpo-nano", "--output_dir", str(tmp_path), "--dry-run"]
    assert main(["grpo", *told]) == 0
    shown = capsys.readouterr().out
    assert "nano-molgen" in shown
    assert "by the rubric 'molecule'" in shown


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_leaves_its_figures_and_goes_on_with_its_memory(tmp_path: Path) -> None:
    out = tmp_path / "molecule-run"
    steps = ("--max_steps", "4", "--save_steps", "2", "--save_total_limit", "2")
    summary = grpo(out, *steps, "--watch_steps", "2")
    for name in ("wish_satisfaction", "validity", "control"):
        assert {f"{name}_before", f"{name}_after"} <= summary.keys()
    assert {"uniqueness_after", "seconds"} <= summary.keys()
    assert summary["unjudged_rate"] == 0
    watched = {name for row in read_history(out / "history.jsonl") for name in row}
    assert {"watch/wish_satisfaction", "watch/control"} <= watched

    last = out / "checkpoint-4"
    kept = {name: (last / name).read_text() for name in ("memory-0.json", "reward_watch-0.json")}
    assert all(json.loads(text) for text in kept.values())
    shutil.rmtree(last)  # as if killed in the fourth step
    grpo(out, *steps, "--watch_steps", "2")
    for name, text in kept.items():
        assert json.loads((last / name).read_text()) == json.loads(text), name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hacked_reward_is_caught_and_the_run_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "hacked"
    told = ["molecules-hacked-nano", "--output_dir", str(out), "--eval_rows", "64"]
    assert main(["grpo", *told]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert "reward and control part at step" in caplog.text
    assert 5 < summary["steps"] < 100
    assert summary["carbon_chain_after"] > summary["carbon_chain_before"]
