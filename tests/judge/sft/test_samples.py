"""Curated rows: written in a judge's prompts, and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge import RequestError
from judge.folder import builtin_profile
from judge.media import data_uri, load_image
from judge.profile import JudgeProfile
from judge.sft.samples import (
    JudgingRow,
    load_profile,
    make_row,
    read_rows,
    write_rows,
)
from tests.judge.test_rows import picture_bytes

DEFAULT = builtin_profile("default")


def row(profile: JudgeProfile = DEFAULT, **values: Any) -> JudgingRow:
    fields: dict[str, Any] = {
        "id": "q1/answer1",
        "kind": "single",
        "protocol": "pointwise",
        "rubric": "helpfulness",
        "scale": (1, 10),
        "request": {"prompt": "What is 2 + 2?", "completions": ["4"]},
        "reasoning": "It is four.",
        "scores": (9.0,),
    }
    return make_row(**{**fields, **values}, profile=profile)


def pair(**values: Any) -> JudgingRow:
    request = {"prompt": "What is 2 + 2?", "completions": ["4", "5"], "reference": "four"}
    fields = {"kind": "pair", "protocol": "pairwise", "request": request, "scores": (9.0, 1.0)}
    return row(**{**fields, **values})


def test_a_row_is_the_judges_own_prompt_and_a_whole_reply() -> None:
    system, user = row().prompt
    assert (system["role"], user["role"]) == ("system", "user")
    assert "rate the answer from 1 to 10" in system["content"]
    assert "[Question]\nWhat is 2 + 2?" in user["content"]
    assert "[Assistant's Answer]\n4\n" in user["content"]
    reply = "<think>\nIt is four.\n</think>\n<answer>9</answer>"
    assert row().completion == [{"role": "assistant", "content": reply}]


def test_a_pair_has_two_answers_and_two_scores() -> None:
    user = pair().prompt[1]["content"]
    assert "[Assistant 2's Answer]\n5" in user
    assert "[Reference]\nfour" in user
    assert pair().reply.endswith("</think>\n<answer>9</answer><answer>1</answer>")


def test_a_halved_scale_is_asked_for_in_the_prompt() -> None:
    halved = row(scale=(1, 5), scores=(4.0,))
    assert "rate the answer from 1 to 5" in halved.prompt[0]["content"]
    assert halved.judge_request().rubric.scale == (1, 5)


def test_a_profile_that_answers_first_gets_no_reasoning() -> None:
    tricky = "It says <answer>3</answer>, which is wrong."
    answer_first = row(builtin_profile("nano-judge-answer-first"), reasoning=tricky)
    assert answer_first.reply == "<answer>9</answer>"


def test_pictures_of_the_question_stand_where_the_judge_sees_them() -> None:
    uri = data_uri(load_image(picture_bytes()))
    request = {"prompt": "What is it?", "images": [uri], "completions": ["a cat"]}
    content = row(request=request).prompt[1]["content"]
    assert [part["type"] for part in content] == ["text", "image", "text"]
    assert content[0]["text"].endswith("[Question]\n")
    assert content[2]["text"].startswith("\nWhat is it?")


def test_what_is_neither_text_nor_the_questions_picture_is_refused() -> None:
    pytest.importorskip("rdkit")
    drawing = replace(DEFAULT, molecules="drawing")
    request = {"prompt": "Find one.", "molecules": ["CCO"]}
    with pytest.raises(RequestError, match="show molecules as cards"):
        row(drawing, request=request, rubric="molecule")
    card = row(request=request, rubric="molecule").prompt[1]["content"]
    assert "CCO" in card


def test_a_profile_without_the_protocol_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no \[protocols.pairwise\]; it has pointwise"):
        pair(profile=builtin_profile("nano-judge"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scores": (11.0,)}, "out_of_scale, 11 is outside 1 to 10"),
        ({"scores": (9.0, 2.0)}, "several_answers"),
        ({"scale": (1, 5)}, "9 is outside 1 to 5"),
    ],
)
def test_a_reply_that_would_not_be_read_as_its_scores_is_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=f"row 'q1/answer1': .*{message}"):
        row(**values)


def test_a_reply_of_other_scores_does_not_pass() -> None:
    with pytest.raises(RequestError, match=r"expected .*\(8.0,\), got the scores \(9.0,\)"):
        replace(row(), scores=(8.0,)).check()


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [row(), pair(), row(reasoning="« Ünïcode »\n\nand lines", kind="hard")]
    write_rows(tmp_path / "train.jsonl", rows)
    assert list(read_rows(tmp_path / "train.jsonl")) == rows
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "easy"}, "'kind' has to be one of single, pair, hard, got 'easy'"),
        ({"protocol": "listwise"}, "'protocol' has to be one of pointwise, pairwise"),
        ({"scale": [1]}, "'scale' has to be two numbers"),
        ({"scores": [True]}, "'scores' has to be a list of numbers"),
        ({"prompt": "a"}, "'prompt' has to be a list of messages"),
        ({"completion": []}, "'completion' has to be one message of text"),
        ({"request": None}, "'request' has to be an object"),
        ({"id": 3}, "'id' has to be a string"),
        ({"more": 1}, r"expected an object of completion, id, .*, got \[.*'more'"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_what_was_expected(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    bad = {**json.loads(row().to_json()), **change}
    path.write_text(f"{row().to_json()}\n{json.dumps(bad)}\n", encoding="utf-8")
    with pytest.raises(RequestError, match=f"train.jsonl, line 2: {message}"):
        list(read_rows(path))


def test_what_is_no_json_and_what_is_not_there_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{broken\n")
    with pytest.raises(RequestError, match=r"line 1: expected a JSON object, got '\{broken"):
        list(read_rows(tmp_path / "a.jsonl"))
    with pytest.raises(RequestError, match="make them by flex-judge curate"):
        list(read_rows(tmp_path / "gone.jsonl"))


def test_a_profile_is_one_that_ships_or_a_file_or_a_folder(judge_folder: Path) -> None:
    assert load_profile("nano-judge").name == "nano-judge"
    assert load_profile(str(judge_folder)).name == "default"
    assert load_profile(str(judge_folder / "judge.toml")).name == "default"
    with pytest.raises(RequestError, match="no profile 'gone': expected one of default, flex-omni"):
        load_profile("gone")
