"""Rows as they are sent: read as everywhere, and refused where a reward server cannot take them."""

from __future__ import annotations

from typing import Any

import pytest

from judge import RequestError
from reward.client.samples import encode_sample
from reward.wire import Pictures
from tests.reward.harness import picture


def test_a_row_is_sent_as_texts_and_hashes() -> None:
    row = {
        "id": 7,
        "prompt": [{"role": "user", "content": "Why?"}],
        "completion": "\ud800",
        "images": [picture()],
        "reference": None,
        "metadata": object(),
    }
    sample = encode_sample(row, Pictures())
    (image,) = sample.images
    assert sample.fields == {
        "id": "7",
        "prompt": "Why?",
        "completion": "?",
        "images": [f"sha256:{image.sha256}"],
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"completions": ["a", "b"]}, "a reward is of one candidate, got 2"),
        ({"completion": "a", "video": "a.mp4"}, "takes no 'video'"),
        ({"completion": "a", "audios": ["a.wav"]}, "takes no 'audios'"),
        ({"candidate_images": ["a.png"]}, r"takes no 'candidate_images\[0\]'"),
        ({}, "a row needs 'completion' or 'molecule'"),
    ],
)
def test_what_the_wire_does_not_carry_is_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        encode_sample({"prompt": "Why?", **row}, Pictures())
