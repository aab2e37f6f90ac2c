"""Figures of captions, and what is missing among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rl_recipes.captioning.data import PROMPT, HeldOut, held_out
from rl_recipes.captioning.evaluate import (
    Captioned,
    evaluate_captions,
    measure,
    read_captioned,
    win_rate,
)
from tests.reward.harness import LiveServer, picture


def captioned(*texts: str, reward: float | None = 0.5) -> list[Captioned]:
    return [Captioned(text, reward, None if reward else "deadline", "") for text in texts]


def test_the_truth_measures_as_the_truth() -> None:
    rows = held_out(20)
    figures = measure(rows, captioned(*(row.references[0] for row in rows)))
    for name in ("true_accuracy", "claim_precision", "claim_recall", "length_ratio"):
        assert figures[name] == 1.0, name
    assert figures["cider_d"] == pytest.approx(10)
    assert (figures["reward"], figures["unjudged_rate"]) == (0.5, 0.0)
    assert figures["words"] == sum(len(row.references[0].split()) for row in rows) / 20


def test_figures_that_nothing_is_known_for_are_left_out() -> None:
    rows = [HeldOut(picture(), PROMPT)] * 2
    figures = measure(rows, captioned("a cat", "a cat", reward=None))
    assert set(figures) == {"unjudged_rate", "words", "distinct_1", "distinct_2"}
    assert figures["unjudged_rate"] == 1.0
    assert (figures["distinct_1"], figures["distinct_2"]) == (0.5, 0.5)


def test_references_of_several_captions() -> None:
    rows = [
        HeldOut(picture(), PROMPT, references=("a red cat", "one red cat sits here")),
        HeldOut(picture(), PROMPT, references=("a dog",)),
    ]
    figures = measure(rows, captioned("a red cat", "a dog"))
    assert figures["length_ratio"] == pytest.approx(5 / (4 + 2))
    assert 0 < figures["cider_d"] < 10


def test_win_rate_counts_ties_as_halves_and_tells_what_it_could_not_compare() -> None:
    found = win_rate([1.0, 0.5, 0.2, None, 0.9], [0.5, 0.5, 0.4, 0.1, None])
    assert found == {"win_rate": 0.5, "uncompared_rate": pytest.approx(0.4)}
    assert win_rate([None], [1.0]) == {"uncompared_rate": 1.0}


@pytest.mark.parametrize("side_by_side", [False, True])
def test_against_an_earlier_evaluation(
    side_by_side: bool, server: LiveServer, tmp_path: Path
) -> None:
    rows = held_out(3)
    texts = {
        "before": ["score=2", "score=5", "score=5"],
        "after": ["score=9", "score=5", "no number"],
    }
    figures = {}
    for name, captions in texts.items():
        figures[name] = evaluate_captions(
            rows,
            captions,
            tmp_path / name,
            url=server.url,
            rubric="captioning",
            against=tmp_path / "before" if name == "after" else None,
            side_by_side=side_by_side,
        )
    assert figures["after"]["win_rate"] == pytest.approx((1 + 0.5) / 2)
    assert figures["after"]["uncompared_rate"] == pytest.approx(1 / 3)
    assert "win_rate" not in figures["before"]
    kept = read_captioned(tmp_path / "after")
    assert [each.caption for each in kept] == texts["after"]
    assert kept[2].reward is None
    assert kept[2].reason == "no_answer"
    assert kept[0].rationale == "as told"
