"""Judging samples: in the real prompts, read by the real parser."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from judge.folder import builtin_profile
from judge.nano.judging import Kind, judging_sample
from judge.nano.reasoning import compare_caption, compare_captions
from judge.nano.scenes import Item, Scene, caption
from judge.protocols import PROTOCOLS
from judge.types import Completion
from judge.verdicts import Verdict

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
