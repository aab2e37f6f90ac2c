"""Judging samples: in the real prompts, read by the real parser, text alone for training."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from judge.folder import builtin_profile
from judge.nano.judging import Kind, judging_sample, training_row
from judge.nano.reasoning import compare_caption, compare_captions
from judge.nano.scenes import Item, Scene, caption
from judge.nano.tune import judging_rows
from judge.protocols import PROTOCOLS
from judge.types import Completion
from judge.verdicts import Verdict

PROFILE = builtin_profile("nano-judge")
EVERY_PROTOCOL = builtin_profile("default")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_known_answer_parses_to_the_known_scores(kind: Kind) -> None:
    rng = random.Random(3)
    for _ in range(50):
        sample = judging_sample(rng, kind)
        prompts = EVERY_PROTOCOL.protocols[sample.request.protocol]
        protocol = PROTOCOLS[sample.request.protocol](prompts)
        reply = protocol.format(sample.reasoning, sample.scores, sample.request)
        generated = reply.removeprefix(prompts.prefill)
        outcome = protocol.parse(Completion(generated, "stop"), sample.request)
        assert isinstance(outcome, Verdict)
        assert outcome.scores == sample.scores
        assert outcome.reasoning == sample.reasoning


def test_a_pair_is_scored_as_each_caption_alone() -> None:
    scene = Scene(
        (Item("large", "red", "circle", "top left"), Item("small", "blue", "star", "bottom right"))
    )
    texts = (caption(scene), "a small red circle at the top left.")
    _, scores = compare_captions(scene, texts, 1, 10)
    assert scores == tuple(compare_caption(scene, text).score(1, 10) for text in texts)
    assert scores[0] == 10


def test_training_rows_show_no_picture() -> None:
    for row in judging_rows("nano-judge", 100, seed=0):
        assert all(isinstance(turn["content"], str) for turn in row["prompt"])
        assert row["completion"][0]["content"].startswith("<think>\n")
    with pytest.raises(ValueError, match="shows a picture"):
        training_row(judging_sample(random.Random(0), "image"), PROFILE)


def test_the_ablation_answers_without_reasoning() -> None:
    for row in judging_rows("nano-judge-answer-first", 20, seed=0):
        content = row["completion"][0]["content"]
        assert content.startswith("<answer>")
        assert "<think>" not in content
