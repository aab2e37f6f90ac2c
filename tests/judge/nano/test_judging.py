"""Judging samples: in the real prompts, read by the real parser, text alone for training."""

from __future__ import annotations

import random

import pytest

from judge.folder import builtin_profile
from judge.nano.judging import judging_sample, training_row
from judge.nano.tune import judging_rows
from judge.protocols import Pointwise
from judge.types import Completion, Verdict

PROMPTS = builtin_profile("nano-judge").protocols["pointwise"]


@pytest.mark.parametrize("kind", ["text", "image", "molecule"])
def test_the_known_answer_parses_to_the_known_score(kind: str) -> None:
    rng = random.Random(3)
    protocol = Pointwise(PROMPTS)
    for _ in range(50):
        sample = judging_sample(rng, kind)  # type: ignore[arg-type]  # a literal, by parametrize
        reply = protocol.format(sample.reasoning, (sample.score,), sample.request).removeprefix(
            PROMPTS.prefill
        )
        outcome = protocol.parse(Completion(reply, "stop"), sample.request)
        assert isinstance(outcome, Verdict)
        assert outcome.score == sample.score
        assert outcome.reasoning == sample.reasoning


def test_training_rows_show_no_picture() -> None:
    for row in judging_rows("nano-judge", 100, seed=0):
        assert all(isinstance(turn["content"], str) for turn in row["prompt"])
        assert row["completion"][0]["content"].startswith("<think>\n")
    with pytest.raises(ValueError, match="shows a picture"):
        training_row(judging_sample(random.Random(0), "image"), PROMPTS)


def test_the_ablation_answers_without_reasoning() -> None:
    for row in judging_rows("nano-judge-answer-first", 20, seed=0):
        content = row["completion"][0]["content"]
        assert content.startswith("<answer>")
        assert "<think>" not in content
