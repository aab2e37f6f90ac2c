"""One answer's share of pairwise reasoning."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.sft.curate.mentions import names
from judge.sft.curate.single import cut_to_single

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[3] / "cases" / "pair_reasonings.toml").read_text(encoding="utf-8")
)["case"]

PIECES = st.sampled_from(
    [
        "Assistant 1 is right.",
        "Assistant 2 is wrong.",
        "The first answer is short.",
        "The second answer is long.",
        "It gives a source.",
        "A capital was asked for.",
        "Assistant 1 beats Assistant 2.",
        "Both answers are fine.",
        "Overall, that is it.",
        "\n",
        "\n\n",
        "\nAnswer 1:\n",
        "\nAnswer 2:\n",
        "\n- ",
    ]
)
REASONINGS = st.lists(PIECES, max_size=12).map(" ".join)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_awkward_reasoning_is_cut_as_it_should_be(case: dict[str, Any]) -> None:
    for place, name in ((1, "first"), (2, "second")):
        expected = case.get(name)
        cut = cut_to_single(case["text"], place)  # type: ignore[arg-type]  # 1 and 2
        assert cut == (None if expected is None else expected.strip()), name


@given(REASONINGS | st.text())
def test_no_cut_names_an_answer_by_its_number(reasoning: str) -> None:
    for place in (1, 2):
        cut = cut_to_single(reasoning, place)  # type: ignore[arg-type]  # 1 and 2
        if cut is not None:
            assert cut == cut.strip() != ""
            assert not names(cut, 1)
            assert not names(cut, 2)


@given(REASONINGS)
def test_the_cut_is_the_same_with_the_answers_the_other_way_round(reasoning: str) -> None:
    swapped = reasoning
    for old, new in (("1", "#"), ("2", "1"), ("#", "2")):
        swapped = swapped.replace(old, new)
    for old, new in (("first", "#"), ("second", "first"), ("#", "second")):
        swapped = swapped.replace(old, new)
    assert cut_to_single(reasoning, 1) == cut_to_single(swapped, 2)


@given(REASONINGS)
def test_what_is_kept_is_of_the_reasoning(reasoning: str) -> None:
    cut = cut_to_single(reasoning, 1) or ""
    assert "wrong" not in cut, "that was said of the second answer alone"
    assert "beats" not in cut
    words = set(reasoning.replace(".", " ").split()) | {"The", "the", "assistant", "answer"}
    assert set(cut.replace(".", " ").split()) <= words
