"""A request in parts, and the parts' answers as one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reward.scale.exchange import Answered
from reward.scale.parts import group_key, joined, key_of, split


def sample(prompt: str = "?", *images: str) -> dict[str, Any]:
    return {"prompt": prompt, "completion": "a", "images": list(images)}


def test_what_shares_a_picture_or_a_prompt_stays_together() -> None:
    samples = [sample("p", "sha256:a"), sample("q"), sample("r", "sha256:a", "sha256:b")]
    samples += [sample("q"), sample("p")]
    parts = split(samples)
    assert [part.places for part in parts] == [(0, 2), (1, 3), (4,)]
    assert parts[0].key == "sha256:a"
    assert len({part.key for part in parts}) == 3


def test_a_very_large_group_is_worth_several_replicas() -> None:
    parts = split([sample("p")] * 70)
    assert [len(part.places) for part in parts] == [32, 32, 6]
    assert len({part.key for part in parts}) == 3


@pytest.mark.parametrize(
    "odd", [{}, {"images": "sha256:a"}, {"images": [7]}, {"prompt": [{"role": "user"}]}]
)
def test_a_key_of_anything(odd: dict[str, Any]) -> None:
    assert len(key_of(odd)) == 64


def test_the_parts_of_a_cohort_meet() -> None:
    cohort = {"cohort": {"id": "run/1/2", "part": "0", "size": 4}}
    assert group_key({**cohort, "samples": [sample("p")]}) == "run/1/2"
    assert group_key({"samples": [sample("p", "sha256:a")]}) == "sha256:a"
    assert group_key({"samples": []}) == group_key({}) == key_of({})


def test_answers_in_the_order_of_the_samples() -> None:
    parts = split([sample("p"), sample("q"), sample("p")])
    answers = [
        Answered(200, body=json.dumps({"judge": "j", "results": results}).encode())
        for results in ([0, 2], [1])
    ]
    assert joined(parts, answers).json() == {"judge": "j", "results": [0, 1, 2]}


def test_a_part_that_is_refused_is_the_answer() -> None:
    parts = split([sample("p"), sample("q")])
    good = Answered(200, body=b'{"results": [0]}')
    assert joined(parts, [good, Answered(429)]).status == 429
