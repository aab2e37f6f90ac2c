"""Wishes and molecules of the recipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judge.errors import RequestError
from rl_recipes.molecules.chem.validity import is_valid
from rl_recipes.molecules.data import (
    held_out_molecules,
    held_out_wishes,
    instructed,
    load_training,
    load_wishes,
    training_molecules,
    training_wishes,
    wish_of,
)


def test_molecules_are_valid_and_held_out_ones_are_not_trained_on() -> None:
    train, kept = training_molecules(), held_out_molecules()
    assert len(train) > 7_500
    assert len(kept) > 800
    assert not set(train) & set(kept)
    assert all(is_valid(smiles) for smiles in train[::100])


def test_wishes_are_the_same_for_a_seed_and_others_for_another() -> None:
    rows = training_wishes(20, seed=1)["prompt"]
    assert rows == training_wishes(20, seed=1)["prompt"]
    assert rows != training_wishes(20, seed=2)["prompt"]
    assert not {str(row) for row in rows} & {str(row) for row in held_out_wishes(20)}


def test_every_wish_can_be_read_back() -> None:
    for prompt in held_out_wishes(200):
        assert 2 <= len(wish_of(prompt)) <= 4


def test_prompts_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "wishes.jsonl"
    text = "Find a molecule with rings 1 to 2, logP 1.0 to 3.0."
    rows = [{"prompt": text}, {"prompt": text}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert load_wishes(str(path), 0) == [[{"role": "user", "content": text}]] * 2
    assert len(load_training(str(path), 1)) == 1


def test_a_policy_is_told_how_to_answer_and_its_wish_can_still_be_read() -> None:
    prompt = held_out_wishes(1)[0]
    assert instructed(prompt, "") == prompt
    told = instructed(prompt, "Answer with one SMILES.")
    assert told == [{"role": "system", "content": "Answer with one SMILES."}, *prompt]
    assert wish_of(told) == wish_of(prompt)
    assert instructed(told, "Be brief.") == told, "a prompt's own comes first"


@pytest.mark.parametrize(
    ("row", "message"),
    [({"prompt": "Make a drug."}, "wish such as"), ({"question": "?"}, "no column 'prompt'")],
)
def test_rows_that_hold_no_wish_are_refused(
    tmp_path: Path, row: dict[str, str], message: str
) -> None:
    path = tmp_path / "wishes.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(RequestError, match=message):
        load_wishes(str(path), 0)
