"""What nano-base is trained on: no picture is compared, scored or judged."""

from __future__ import annotations

import random

from judge.nano.scenes import draw_scene
from judge.nano.tasks import PICTURE, chain_sample, long_sample, short_sample


def test_pictures_are_described_and_asked_about_but_never_compared_or_scored() -> None:
    rng = random.Random(0)
    for make in (short_sample, long_sample):
        for _ in range(500):
            sample = make(rng, draw_scene(rng), True)
            assert sample.user.count(PICTURE) == 1
            for mark in ("wrong", "object 1:", "<answer>", "<think>"):
                assert mark not in sample.reply


def test_steps_over_a_picture_list_and_never_call_a_detail_right_or_wrong() -> None:
    rng = random.Random(0)
    for _ in range(500):
        sample = chain_sample(rng, draw_scene(rng), True)
        assert sample.user.count(PICTURE) == 1
        assert "object 1:" in sample.reply
        for mark in ("wrong", "score", "<answer>", "<think>"):
            assert mark not in sample.reply


def test_both_modalities_come_under_the_same_instructions() -> None:
    rng = random.Random(0)
    asked = {
        picture: {
            short_sample(rng, draw_scene(rng), picture).user.splitlines()[-1] for _ in range(300)
        }
        for picture in (True, False)
    }
    common = asked[True] & asked[False]
    assert {"Note the scene.", "How many objects are there?"} <= common
