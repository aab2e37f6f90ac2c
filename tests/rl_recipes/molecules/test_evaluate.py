"""Figures of answers to wishes, against numbers counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judge.errors import RequestError
from rl_recipes.molecules.data import Messages
from rl_recipes.molecules.evaluate import (
    chemistry,
    evaluate_molecules,
    figures,
    read_answers,
    read_earlier,
    win_rate,
)
from tests.reward.harness import LiveServer

ONE_RING: Messages = [
    {"role": "user", "content": "Find a molecule with rings 1 to 1, donors 0 to 0."}
]
SMALL: Messages = [
    {"role": "user", "content": "Find a molecule with heavy atoms 1 to 4, logP -9.0 to 9.0."}
]
PROMPTS = [ONE_RING, ONE_RING, SMALL, SMALL]


def test_satisfaction_has_all_answers_as_denominator() -> None:
    found = figures(read_answers(PROMPTS, ["Cc1ccccc1", "CCO", "CCO", "not a molecule"]))
    assert found["wish_satisfaction"] == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert found["wishes_met"] == 0.5
    assert found["best_of_wish"] == 1.0
    assert found["validity"] == 0.75
    assert found["uniqueness"] == pytest.approx(2 / 3)


def test_nothing_is_said_of_no_molecules() -> None:
    found = figures(read_answers([SMALL], [""]))
    assert found == {
        "wish_satisfaction": 0,
        "wishes_met": 0,
        "best_of_wish": 0,
        "validity": 0,
    }


def test_chemistry_of_a_few_molecules() -> None:
    found = chemistry(["CCCCCCCC", "Cc1ccccc1", "Cc1ccccc1"])
    assert found["carbon_chain"] == pytest.approx((8 + 1 + 1) / 3)
    assert found["heavy_atoms"] == pytest.approx((8 + 7 + 7) / 3)
    assert found["scaffolds"] == 1.0
    assert found["control_low"] <= found["control"] <= found["control_high"]


def test_the_reasons_of_refusals_are_kept() -> None:
    answers = read_answers([SMALL] * 3, ["", "C[CH]C", "CCO"])
    assert [each.refusal for each in answers] == ["empty", "radical", None]


def test_the_judge_is_asked_of_molecules_alone(exact: LiveServer, tmp_path: Path) -> None:
    texts = ["Cc1ccccc1", "CCO", "CCO", "CC("]
    found = evaluate_molecules(PROMPTS, texts, tmp_path, url=exact.url, rubric="molecule")
    assert found["unjudged_rate"] == 0
    assert found["reward"] == pytest.approx(2 / 3)
    assert found["agreement"] == pytest.approx(1.0)
    assert "win_rate" not in found
    rows = [json.loads(line) for line in (tmp_path / "molecules.jsonl").read_text().splitlines()]
    assert [row["reward"] for row in rows] == [1.0, 0.0, 1.0, None]
    assert "rings 1 to 1" in rows[0]["rationale"]
    assert rows[3]["refusal"] == "not SMILES"


def test_the_win_rate_is_against_the_same_wishes(exact: LiveServer, tmp_path: Path) -> None:
    first = ["CCO", "CCO", "CCO", "CCO"]
    evaluate_molecules(PROMPTS, first, tmp_path / "a", url=exact.url, rubric="molecule")
    found = evaluate_molecules(
        PROMPTS,
        ["Cc1ccccc1", "Oc1ccccc1", "CCO", ""],
        tmp_path / "b",
        url=exact.url,
        rubric="molecule",
        against=tmp_path / "a",
    )
    assert found["win_rate"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)


def test_answers_come_back_as_they_were_kept(exact: LiveServer, tmp_path: Path) -> None:
    texts = ["Cc1ccccc1", "C\u2028C", "CCO\x85", "C"]  # lines end in those, but not a file's
    evaluate_molecules(PROMPTS, texts, tmp_path / "kept", url=exact.url, rubric="molecule")
    assert [each.answer for each in read_earlier(tmp_path / "kept")] == texts


def test_other_wishes_are_not_compared() -> None:
    with pytest.raises(RequestError, match="other wishes"):
        win_rate(read_answers([SMALL], ["CCO"]), read_answers([ONE_RING], ["CCO"]))


def test_a_prompt_without_a_wish_is_refused() -> None:
    with pytest.raises(RequestError, match="'Find a molecule with rings"):
        read_answers([[{"role": "user", "content": "Make me a drug."}]], ["CCO"])
