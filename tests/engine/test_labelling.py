"""Labelling, best-of-N and judging again as processes: an embedded policy samples and the embedded
judge judges, both by vLLM, and what comes out trains the policy.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from judge import load_image
from judge.media import data_uri
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from tests.reward.label.test_dpo import train

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1800)]
ROWS = 12
EAGER = ("--engine-arg", "enforce_eager=true")


def flex_reward(command: str, source: Path, out: Path, *options: str) -> str:
    """What it printed."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "reward.cli", command, "--input", str(source)),
            *("--out", str(out), "--rubric", "captioning", *EAGER, *options),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    rng = random.Random(0)
    path = tmp_path / "prompts.jsonl"
    with path.open("w") as file:
        for _ in range(ROWS):
            picture = data_uri(load_image(render(draw_scene(rng), rng)))
            file.write(json.dumps({"prompt": CAPTION_INSTRUCTION, "image": picture}) + "\n")
    return path


def test_a_policy_is_sampled_labelled_chosen_from_and_trained(
    tmp_path: Path, prompts: Path
) -> None:
    pairs, best, again = tmp_path / "pairs", tmp_path / "best", tmp_path / "again"
    sampled = ("--policy", "nano-captioner", "--samples", "4", "--policy-temperature", "0.7", "1.0")
    sampled += ("--policy-max-tokens", "56", "--policy-arg", "enforce_eager=true")
    flex_reward("label", prompts, pairs, *sampled)
    dataset = load_parquet(pairs / "train.parquet", tmp_path)
    # Four captions of a picture that are all worth the same make no pair.
    assert ROWS // 2 <= len(dataset) <= ROWS
    assert all(row["chosen_score"] > row["rejected_score"] for row in dataset)
    assert train(dataset, tmp_path, sees=True) > 0

    # The candidates that were labelled, with the verdicts that are stored.
    candidates = tmp_path / "candidates.jsonl"
    with candidates.open("w") as file:
        for line, row in zip(prompts.read_text().splitlines(), sampled_texts(pairs), strict=True):
            file.write(json.dumps({**json.loads(line), "completions": row}) + "\n")
    store = ("--store", str(pairs / "verdicts.db"))
    flex_reward("best-of-n", candidates, best, *store)
    chosen = load_parquet(best / "chosen.parquet", tmp_path)
    assert len(chosen) == ROWS

    flex_reward("rescore", pairs / "train.parquet", again, "--votes", "3", "--temperature", "0.7")
    report = json.loads((again / "report.json").read_text())
    assert report["pairs"] == len(dataset)
    assert report["agreement"] > 0.5


def load_parquet(path: Path, folder: Path) -> Any:
    return load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(folder / "cache")
    )


def sampled_texts(out: Path) -> list[list[str]]:
    """The samples that a run keeps, by row."""
    lines = [
        line
        for shard in sorted((out / "work" / "samples").glob("*.jsonl"))
        for line in shard.read_text().splitlines()
    ]
    return [json.loads(line)["texts"] for line in lines]
