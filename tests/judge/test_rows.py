"""From dataset rows to requests, in the shapes that datasets and TRL have."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image as Pillow

from judge import Image, JudgeRequest, RequestError, load_rubric, request_from_row
from judge.rows import message_text

RUBRIC = load_rubric("helpfulness")


def picture_bytes(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


def request(**row: Any) -> JudgeRequest:
    return request_from_row({"prompt": "Why?", "completion": "So.", **row}, RUBRIC)


def test_strings_become_question_and_candidate() -> None:
    made = request(id="row-7", reference="Because.")
    assert made.question == ("Why?",)
    assert made.candidates[0].text == "So."
    assert made.candidates[0].molecule is None
    assert (made.reference, made.id, made.rubric) == ("Because.", "row-7", RUBRIC)


def test_a_single_chat_turn_is_its_bare_text() -> None:
    made = request(
        prompt=[{"role": "user", "content": "Why?"}],
        completion=[{"role": "assistant", "content": "So."}],
    )
    assert made.question == ("Why?",)
    assert made.candidates[0].text == "So."


def test_several_chat_turns_are_headed_by_their_roles() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
    ]
    assert request(prompt=turns).question == ("System: Be brief.\n\nUser: Why?",)


def test_text_parts_of_a_turn_are_joined_and_pictures_passed_over() -> None:
    turn = {
        "role": "user",
        "content": [
            {"type": "image"},
            {"type": "text", "text": "What "},
            {"type": "text", "text": "is it?"},
            {"type": "text", "text": None},
        ],
    }
    assert request(prompt=[turn]).question == ("What is it?",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ([], ""),
        ([{"role": "user", "content": None}], ""),
        ([{"role": "assistant"}], ""),
    ],
)
def test_empty_messages_are_empty_text(value: object, text: str) -> None:
    assert message_text(value, "prompt") == text


def test_pictures_come_before_the_prompt_in_order() -> None:
    made = request(images=[picture_bytes("red"), {"bytes": picture_bytes("blue"), "path": None}])
    red, blue, text = made.question
    assert isinstance(red, Image)
    assert isinstance(blue, Image)
    assert red.data == picture_bytes("red")
    assert blue.data == picture_bytes("blue")
    assert text == "Why?"


def test_single_image_column_is_read() -> None:
    assert isinstance(request(image=picture_bytes()).question[0], Image)


def test_picture_alone_is_a_question() -> None:
    row = {"image": picture_bytes(), "completion": "A red square."}
    assert len(request_from_row(row, RUBRIC).question) == 1


def test_columns_that_are_none_are_as_good_as_absent() -> None:
    made = request(image=None, images=None, molecule=None, reference=None, id=None)
    assert made.question == ("Why?",)
    assert made.reference is None
    assert made.id == "", f"an id that is None became {made.id!r}"


def test_molecule_stands_in_for_a_completion() -> None:
    made = request_from_row({"prompt": "A wish", "molecule": "CCO"}, RUBRIC)
    assert made.candidates[0].molecule == "CCO"


def test_empty_molecule_is_a_candidate_to_be_judged() -> None:
    made = request_from_row({"prompt": "A wish", "molecule": ""}, RUBRIC)
    assert made.candidates[0].molecule == ""


def test_empty_completion_is_a_candidate_to_be_judged() -> None:
    assert request(completion="").candidates[0].text == ""


def test_other_columns_are_left_alone() -> None:
    assert request(source="somewhere", score=3, prompt_tokens=object()).question == ("Why?",)


def test_rubric_column_is_used_where_no_rubric_is_given() -> None:
    row = {"prompt": "Why?", "completion": "So.", "rubric": "captioning"}
    assert request_from_row(row).rubric == load_rubric("captioning")
    assert request_from_row(row, RUBRIC).rubric == RUBRIC


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Why?"}, "needs 'completion' or 'molecule'"),
        ({"completion": "So."}, "needs a 'prompt' or an 'image'"),
        ({"prompt": "", "completion": "So."}, "needs a 'prompt' or an 'image'"),
        ({"prompt": 5, "completion": "So."}, "'prompt' must be a string or chat messages, got int"),
        ({"prompt": "Why?", "completion": 5}, "'completion' must be a string or chat messages"),
        ({"prompt": "Why?", "completion": ["So."]}, "'completion' must be a string or chat"),
        ({"prompt": [{"content": 5}], "completion": "So."}, "content in 'prompt' must be"),
        ({"prompt": "Why?", "molecule": 5}, "'molecule' must be a SMILES string, got int"),
        ({"prompt": "Why?", "completion": "So.", "reference": 5}, "'reference' must be a string"),
        ({"prompt": "Why?", "completion": "So.", "images": "a.png"}, "'images' must be a list"),
        ({"prompt": "Why?", "completion": "So.", "images": b"\x89"}, "'images' must be a list"),
        ({"prompt": "Why?", "completion": "So.", "image": 5}, "image"),
        ({"prompt": "Why?", "completion": "So.", "images": [None]}, "image"),
        ({"prompt": "Why?", "completion": "So.", "image": "/nowhere.png"}, r"/nowhere\.png"),
    ],
)
def test_row_of_another_shape_is_refused_and_the_message_names_the_column(
    row: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        request_from_row(row, RUBRIC)


@pytest.mark.parametrize("rubric", [None, 5, ["captioning"]])
def test_row_without_a_rubric_is_refused(rubric: object) -> None:
    with pytest.raises(RequestError, match="no rubric: name one"):
        request_from_row({"prompt": "Why?", "completion": "So.", "rubric": rubric})


def test_unknown_rubric_in_a_row_is_refused_with_the_known_names() -> None:
    with pytest.raises(RequestError, match="expected one of captioning, helpfulness, molecule"):
        request_from_row({"prompt": "Why?", "completion": "So.", "rubric": "kindness"})
