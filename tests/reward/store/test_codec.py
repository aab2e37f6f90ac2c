from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from judge import Audio, Candidate, Decoding, Image, JudgeRequest, Rubric, Video
from judge.verdicts import Outcome
from reward.store.codec import decode_outcome, encode_outcome, encode_request, request_key
from tests.reward.store.cases import RUBRIC, outcomes, request

IMAGE = Image(b"data", "a" * 64, 8, 8)
AUDIO = Audio(b"data", "b" * 64)
VIDEO = Video((IMAGE,), 1.0, "c" * 64)
BASE = request(
    question=("Look:", IMAGE),
    candidates=(Candidate("one"), Candidate("two", media=(IMAGE,))),
    reference="good",
    protocol="pairwise",
)


def key(request: JudgeRequest, judge: str = "judge-1", decoding: Decoding | None = None) -> str:
    return request_key(request, judge, decoding or Decoding())


@given(outcomes)
def test_an_outcome_comes_back_equal_in_every_field(outcome: Outcome) -> None:
    text = encode_outcome(outcome)
    text.encode()  # what UTF-8 cannot hold, no database can
    assert "\0" not in text
    back = decode_outcome(text)
    assert back == outcome
    assert repr(back) == repr(outcome)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, question=("Look:", "a" * 64)),
        replace(BASE, question=(IMAGE, "Look:")),
        replace(BASE, question=("Look:", IMAGE, IMAGE)),
        replace(BASE, question=("Look:", replace(IMAGE, sha256="d" * 64))),
        replace(BASE, question=("Look:", VIDEO)),
        replace(BASE, question=("Look:", AUDIO)),
        replace(BASE, candidates=BASE.candidates[::-1]),
        replace(BASE, candidates=(Candidate("one"), Candidate("two"))),
        replace(BASE, candidates=(Candidate(molecule="one"), BASE.candidates[1])),
        replace(BASE, reference=None),
        replace(BASE, reference=""),
        replace(BASE, protocol="listwise"),
        replace(BASE, rubric=Rubric("test", "Something else.")),
        replace(BASE, rubric=replace(RUBRIC, scale=(0, 10))),
    ],
)
def test_another_question_has_another_key(other: JudgeRequest) -> None:
    assert key(other) != key(BASE)


def test_judge_and_decoding_are_in_the_key() -> None:
    assert key(BASE, "judge-2") != key(BASE)
    assert key(BASE, decoding=Decoding(seed=1)) != key(BASE)


def test_the_same_question_has_the_same_key_whatever_its_id() -> None:
    assert key(replace(BASE, id="n7")) == key(BASE)
    assert key(replace(BASE, question=("Look:", replace(IMAGE, data=b"other")))) == key(BASE)


def test_a_text_that_looks_like_media_is_told_from_it() -> None:
    assert key(replace(BASE, question=("Look:", '{"image":"' + "a" * 64 + '"}'))) != key(BASE)


def test_a_request_is_readable_and_holds_no_media() -> None:
    assert json.loads(encode_request(replace(BASE, id="n7"))) == {
        "id": "n7",
        "question": ["Look:", {"image": "a" * 64}],
        "candidates": [
            {"text": "one", "molecule": None, "media": []},
            {"text": "two", "molecule": None, "media": [{"image": "a" * 64}]},
        ],
        "reference": "good",
    }


def test_awkward_characters_of_a_request_are_kept() -> None:
    text = encode_request(request("\0\ud800é"))
    text.encode()
    assert json.loads(text)["candidates"][0]["text"] == "\0\ud800é"
