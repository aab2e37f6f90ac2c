"""Answers kept in a file: what a kill leaves, and what is not sampled again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from datasets import Dataset

from judge.errors import EngineError
from rl_recipes.candidates import Answer, Sampling, sample_answers

ROWS = Dataset.from_dict({"prompt": ["a", "b"]})
SAMPLING = Sampling("no-such-weights", "main", (1.0,), 1, 8, 0, {})


def line(text: str) -> str:
    return json.dumps([asdict(Answer(text, 1.0, True))], ensure_ascii=False) + "\n"


def test_answers_that_are_there_are_not_sampled_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line("one\u2028two") + line("three"))  # a separator, but no new line
    found = sample_answers(ROWS, SAMPLING, path)
    assert [answers[0].text for answers in found] == ["one\u2028two", "three"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sampler_that_dies_loses_nothing_and_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "pairs" / "answers.jsonl"
    path.parent.mkdir()
    path.write_text(line("one") + '[{"text": "torn')
    with pytest.raises(EngineError, match=r"1 of 2 rows answered .* the same command goes on"):
        sample_answers(ROWS, SAMPLING, path)
    assert path.read_text() == line("one")
