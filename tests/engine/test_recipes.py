"""The captioning recipe on the embedded captioner, rewarded by the real judge: GRPO, and DPO on
captions that vLLM sampled.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForImageTextToText

from judge.errors import RequestError
from rl_recipes.command import Method, parse_run
from rl_recipes.history import read_history
from rl_recipes.preferences import load_pairs
from rl_recipes.rows import load_rows
from rl_recipes.run import Run
from tests.live import LiveJudge

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def small_run(method: Method, out: Path, live: LiveJudge, **options: Any) -> Run:
    told: dict[str, Any] = {
        "output_dir": out,
        "reward_url": live.url,
        "max_steps": 2,
        "per_device_train_batch_size": 8,
        "train_rows": 8,
        "eval_rows": 6,
        "watch_rows": 2,
        "watch_steps": 2,
        "disable_tqdm": True,
        **options,
    }
    given = [text for name, value in told.items() for text in (f"--{name}", str(value))]
    config = "captioning-dpo-nano" if method == "dpo" else "captioning-grpo-nano"
    run, _ = parse_run(method, [config, *given])
    return run


def test_grpo(live: LiveJudge, tmp_path: Path) -> None:
    logging = {"report_to": "tensorboard", "log_completions": True}
    options = {"num_generations": 4, "claims_weight": 0.5, **logging}
    summary = small_run("grpo", tmp_path, live, **options).grpo()
    history = read_history(tmp_path / "history.jsonl")
    steps = [row for row in history if "reward" in row]
    assert [row["step"] for row in steps] == [1, 2]
    for row in steps:
        assert math.isfinite(row["reward"])
        assert 0 <= row["reward"] <= 1
        assert 0 <= row["caption/unjudged_rate"] <= 1
        assert 0 <= row["caption/judge"] <= 1
        assert 0 < row["caption/claims"] <= 1
    looks = [row for row in history if "watch/true_accuracy" in row]
    assert [row["step"] for row in looks] == [0, 2]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    for name in ("true_accuracy", "reward", "cider_d", "words", "distinct_2", "claim_recall"):
        assert summary[f"{name}_before"] > 0, name
        assert summary[f"{name}_after"] > 0, name
    assert 0 <= summary["win_rate"] <= 1
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    AutoModelForImageTextToText.from_pretrained(tmp_path / "policy")
    assert list(tmp_path.rglob("events.out.tfevents.*"))
    tables = sorted((tmp_path / "completions").glob("*.parquet"))
    assert len(tables) == 2
    completions = load_rows(str(tables[0]))
    assert {"completion", "caption", "caption_rationale", "caption_claims"} <= set(
        completions.column_names
    )
    again = small_run("evaluate", tmp_path, live, max_steps=0).evaluate()
    assert again["true_accuracy_after"] == summary["true_accuracy_after"]


def test_grpo_of_an_adapter(live: LiveJudge, tmp_path: Path) -> None:
    options = {"num_generations": 4, "use_peft": True, "lora_r": 4, "freeze_vision": True}
    summary = small_run("grpo", tmp_path, live, **options).grpo()
    assert (tmp_path / "policy" / "adapter_config.json").is_file()
    assert not (tmp_path / "policy" / "model.safetensors").exists()
    assert summary["true_accuracy_after"] > 0


def test_dpo(live: LiveJudge, tmp_path: Path) -> None:
    run = small_run("dpo", tmp_path, live, min_labelled=0.5, pairs_only=True)
    made = run.dpo()
    pairs = load_pairs(str(tmp_path / "pairs" / "pairs.parquet"))
    assert len(pairs) == made["pairs"] > 0
    report = json.loads((tmp_path / "pairs" / "report.json").read_text())
    assert report["unanswered"] == 0
    assert report["rows"] == 8 == report["pairs"] + report["too_few"] + report["close"]
    answers = (tmp_path / "pairs" / "answers" / "000000.jsonl").read_text()
    found = [json.loads(line) for line in answers.splitlines()]
    assert [len(each["texts"]) for each in found] == [4] * 8
    ready = {"pairs": tmp_path / "pairs" / "pairs.parquet"}
    summary = small_run("dpo", tmp_path / "trained", live, **ready).dpo()
    history = read_history(tmp_path / "trained" / "history.jsonl")
    assert [row["step"] for row in history if "loss" in row] == [1, 2]
    assert summary["steps"] == 2
    assert summary["true_accuracy_after"] > 0


def test_dpo_in_rounds_of_an_adapter(live: LiveJudge, tmp_path: Path) -> None:
    peft = {"use_peft": True, "lora_r": 4, "freeze_vision": True, "learning_rate": 1e-3}
    options = {"rounds": 2, "min_labelled": 0.5, "max_steps": 3, **peft}
    summary = small_run("dpo", tmp_path, live, **options).dpo()
    first = tmp_path / "round-1"
    answers = [folder / "pairs" / "answers" / "000000.jsonl" for folder in (first, tmp_path)]
    assert answers[0].read_text() != answers[1].read_text(), "the first round's policy answers"
    adapter = json.loads((tmp_path / "policy" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == str(first / "policy" / "merged")
    assert summary["steps"] == 6
    assert json.loads((first / "summary.json").read_text())["steps"] == 3
    assert summary["true_accuracy_after"] > 0

    done = {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}
    small_run("dpo", tmp_path, live, **options, eval_rows=0).dpo()
    del done[first / "run.json"]  # noted anew, the same
    assert {path: path.stat().st_mtime_ns for path in done} == done, "is not made again"
    with pytest.raises(RequestError, match=r"beta was None and is 0\.2"):
        small_run("dpo", tmp_path, live, **options, beta=0.2).dpo()


def test_a_stop_in_a_round_ends_the_run(live: LiveJudge, tmp_path: Path) -> None:
    stopping = {"watch_stop": True, "watch_words": 1e-6, "watch_steps": 1, "learning_rate": 3e-3}
    options = {"rounds": 2, "min_labelled": 0.5, "max_steps": 12, **stopping}
    summary = small_run("dpo", tmp_path, live, **options).dpo()
    assert 0 < summary["steps"] < 12
    assert not (tmp_path / "pairs").exists()
    policies = [
        folder / "policy" / "model.safetensors" for folder in (tmp_path, tmp_path / "round-1")
    ]
    assert policies[0].read_bytes() == policies[1].read_bytes()
    again = small_run("dpo", tmp_path, live, **options).dpo()
    assert not (tmp_path / "pairs").exists(), "nor does it go on the next time"
    assert again["true_accuracy_after"] == summary["true_accuracy_after"]
