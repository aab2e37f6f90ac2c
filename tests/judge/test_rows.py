"""From dataset rows to requests, in the shapes that datasets and TRL have."""

from __future__ import annotations

import io
import wave
from typing import Any

import pytest
from PIL import Image as Pillow

from judge import Candidate, Image, JudgeRequest, RequestError, load_rubric, request_from_row
from judge.messages import message_text
from judge.types import Audio, Video

RUBRIC = load_rubric("helpfulness")


def recording() -> bytes:
    """A tenth of a second of silence as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(bytes(2 * 1_600))
    return file.getvalue()


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
        ({"prompt": "Why?", "completion": "So.", "images": [None]}, "^'images': "),
        (
            {"prompt": "Why?", "completion": "So.", "image": "/nowhere.png"},
            r"'image'.*/nowhere\.png",
        ),
        (
            {"prompt": "Why?", "completion": "So.", "video": "/nowhere.mp4"},
            r"'video'.*/nowhere\.mp4",
        ),
        (
            {"prompt": "Why?", "completion": "So.", "audio": "/nowhere.wav"},
            r"'audio'.*/nowhere\.wav",
        ),
        ({"prompt": "Why?", "completions": "So."}, "'completions' must be a list, got str"),
        ({"prompt": "Why?", "completions": ["So.", 5]}, r"'completions\[1\]' must be a string"),
        ({"prompt": "Why?", "completions": []}, "at least one; got 0"),
        ({"prompt": "Why?", "molecules": ["CCO", None]}, r"'molecules\[1\]' must be a SMILES"),
        ({"prompt": "Why?", "completion": "a", "completions": ["a"]}, "'completion' and 'compl"),
        ({"prompt": "Why?", "chosen": "a"}, "in 'chosen' and 'rejected'; got 'chosen'"),
        ({"prompt": "Why?", "completions": ["a"], "molecules": ["C", "O"]}, "got 1 and 2"),
        ({"prompt": "Why?", "candidate_images": ["/nowhere.png"]}, r"'candidate_images\[0\]'"),
        ({"prompt": "Why?", "completion": "a", "protocol": "duel"}, "'protocol' must be one of"),
        ({"prompt": "Why?", "completion": "a", "protocol": 5}, "'protocol' must be one of"),
    ],
)
def test_row_of_another_shape_is_refused_and_the_message_names_the_column(
    row: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        request_from_row(row, RUBRIC)


def several(**row: Any) -> JudgeRequest:
    return request_from_row({"prompt": "Why?", **row}, RUBRIC)


def test_completions_become_candidates_in_order() -> None:
    made = several(completions=["So.", [{"role": "assistant", "content": "Because."}], ""])
    assert made.candidates == (Candidate("So."), Candidate("Because."), Candidate(""))
    assert made.protocol == "listwise"


def test_chosen_comes_before_rejected() -> None:
    made = several(rejected="No idea.", chosen="Because.")
    assert made.candidates == (Candidate("Because."), Candidate("No idea."))
    assert made.protocol == "pairwise"


ASK = {"role": "user", "content": "Why?"}
GOOD = {"role": "assistant", "content": "Because."}
BAD = {"role": "assistant", "content": "No idea."}
MORE = {"role": "user", "content": "Go on."}


@pytest.mark.parametrize(
    ("row", "question", "candidates"),
    [
        ({"chosen": [ASK, GOOD], "rejected": [ASK, BAD]}, "Why?", ("Because.", "No idea.")),
        (
            {"prompt": "Why?", "chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
            "Why?",
            ("Because.", "No idea."),
        ),
        (
            {"chosen": [ASK, BAD, MORE, GOOD], "rejected": [ASK, BAD, MORE, BAD]},
            "User: Why?\n\nAssistant: No idea.\n\nUser: Go on.",
            ("Because.", "No idea."),
        ),
        ({"chosen": [ASK, GOOD], "rejected": [ASK, GOOD]}, "Why?", ("Because.", "Because.")),
        (
            {"prompt": [ASK], "chosen": [GOOD, MORE, GOOD], "rejected": [GOOD, MORE, BAD]},
            "Why?",
            (
                "Assistant: Because.\n\nUser: Go on.\n\nAssistant: Because.",
                "Assistant: Because.\n\nUser: Go on.\n\nAssistant: No idea.",
            ),
        ),
    ],
)
def test_turns_that_both_conversations_begin_with_are_the_prompt(
    row: dict[str, Any], question: str, candidates: tuple[str, str]
) -> None:
    made = request_from_row(row, RUBRIC)
    assert made.question == (question,)
    assert tuple(candidate.text for candidate in made.candidates) == candidates


def test_molecules_become_candidates() -> None:
    assert several(molecules=["CCO", ""]).candidates == (
        Candidate(molecule="CCO"),
        Candidate(molecule=""),
    )


def test_pictures_may_be_what_is_judged() -> None:
    red, blue = picture_bytes("red"), picture_bytes("blue")
    first, second, third = several(candidate_images=[red, [red, blue], []]).candidates
    assert [image.data for image in first.media if isinstance(image, Image)] == [red]
    assert [image.data for image in second.media if isinstance(image, Image)] == [red, blue]
    assert third == Candidate()


def test_pictures_and_texts_of_candidates_belong_together() -> None:
    made = several(completions=["a", "b"], candidate_images=[[picture_bytes()], []])
    assert [(each.text, len(each.media)) for each in made.candidates] == [("a", 1), ("b", 0)]


def test_media_of_every_kind_stand_before_the_prompt() -> None:
    frames = [Pillow.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    made = request(image=picture_bytes(), video=frames, audios=[recording(), recording()])
    kinds = [type(part) for part in made.question]
    assert kinds == [Image, Video, Audio, Audio, str]


@pytest.mark.parametrize(
    ("count", "named", "option", "expected"),
    [
        (1, None, None, "pointwise"),
        (2, None, None, "pairwise"),
        (5, None, None, "listwise"),
        (2, "choice", None, "choice"),
        (2, "choice", "listwise", "listwise"),
    ],
)
def test_protocol_is_the_option_or_the_rows_or_goes_by_the_number_of_candidates(
    count: int, named: str | None, option: Any, expected: str
) -> None:
    row = {"prompt": "Why?", "completions": ["So."] * count, "protocol": named}
    assert request_from_row(row, RUBRIC, option).protocol == expected


@pytest.mark.parametrize("rubric", [None, 5, ["captioning"]])
def test_row_without_a_rubric_is_refused(rubric: object) -> None:
    with pytest.raises(RequestError, match="no rubric: name one"):
        request_from_row({"prompt": "Why?", "completion": "So.", "rubric": rubric})


def test_unknown_rubric_in_a_row_is_refused_with_the_known_names() -> None:
    with pytest.raises(RequestError, match="expected one of captioning, helpfulness, molecule"):
        request_from_row({"prompt": "Why?", "completion": "So.", "rubric": "kindness"})
