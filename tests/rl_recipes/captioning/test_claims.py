"""Claims against facts: precision, recall, whole words."""

from __future__ import annotations

import pytest

from rl_recipes.captioning.claims import ClaimReader

READER = ClaimReader(["red circle", "blue star", "dog", "hot dog", ""])


@pytest.mark.parametrize(
    ("text", "facts", "precision", "recall"),
    [
        ("A red circle.", ["red circle"], 1.0, 1.0),
        ("A red circle, a red circle and a blue star.", ["red circle"], 0.5, 1.0),
        ("A red circle.", ["red circle", "dog"], 1.0, 0.5),
        ("dogs and hotdogs", ["dog"], 1.0, 0.0),
        ("a hot dog", ["hot dog"], 0.5, 1.0),
        ("", ["dog"], 1.0, 0.0),
        ("a blue star", ["dog"], 0.0, 0.0),
        ("a RED\ncircle!", ["Red Circle"], 1.0, 1.0),
    ],
)
def test_precision_and_recall(text: str, facts: list[str], precision: float, recall: float) -> None:
    score = READER.score(text, facts)
    assert (score.precision, score.recall) == (precision, recall)


def test_f1() -> None:
    assert READER.score("red circle", ["red circle", "dog"]).f1 == pytest.approx(2 / 3)
    assert READER.score("a blue star", ["dog"]).f1 == 0


@pytest.mark.parametrize("facts", [[], ["", "."]])
def test_without_facts_there_is_nothing_to_compare(facts: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one fact"):
        READER.score("a dog", facts)
