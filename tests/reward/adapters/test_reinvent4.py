"""REINVENT4: the external process, started and read as ``run_command`` does."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest

from judge.engines.scripted import prompt_text
from tests.reward.harness import LiveServer, TestEngine

COMMAND = [sys.executable, "-m", "reward.adapters.reinvent4", "--question", "Soluble."]


def run(smiles: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input="\n".join(smiles),
        capture_output=True,
        text=True,
        check=False,
        shell=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def predictions(done: subprocess.CompletedProcess[str]) -> list[float]:
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["payload"]["predictions"])


def test_a_score_a_molecule_and_nan_for_the_unjudged(live: LiveServer, engine: TestEngine) -> None:
    scores = predictions(
        run(["CCO", "fail", "c1ccccc1"], "--url", live.url, "--rubric", "molecule")
    )
    assert len(scores) == 3
    assert all(math.isnan(score) for score in scores)  # the engine reads no score in these
    assert any("CCO" in prompt_text(prompt) for prompt in engine.prompts)


def test_scores_keep_their_order(live: LiveServer) -> None:
    question = ["--question", "score=10"]
    assert predictions(
        run(["CCO", "CCN"], "--url", live.url, "--rubric", "molecule", *question)
    ) == [1.0, 1.0]


def test_no_molecules_no_scores(live: LiveServer) -> None:
    assert predictions(run([], "--url", live.url, "--rubric", "molecule")) == []


@pytest.mark.parametrize("rubric", [[], ["--rubric", "nonsense"]])
def test_a_refused_call_ends_the_process(live: LiveServer, rubric: list[str]) -> None:
    done = run(["CCO"], "--url", live.url, *rubric)
    assert done.returncode == 1
    assert "rubric" in done.stderr
    assert done.stdout == ""
