"""Figures over held-out rows: what was not read is wrong, and nothing drops out."""

from __future__ import annotations

import pytest

from judge.sft.train.evaluate import compare, spread
from judge.verdicts import Outcome, Reason, Unjudged, Verdict
from judge.voting import combine_orders
from tests.judge.sft.train.curated import curated_row, curated_rows

SCALE = (1.0, 10.0)


class Words:
    """A tokenizer whose tokens are words."""

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[str]]:
        assert not add_special_tokens
        return {"input_ids": text.split()}


def said(*scores: float) -> Verdict:
    return Verdict(scores, SCALE, "one two three")


def unread() -> Unjudged:
    return Unjudged(Reason.NO_ANSWER)


def test_single_scores() -> None:
    rows = curated_rows("text", 4)
    right = [float(row.scores[0]) for row in rows]
    off = right[1] - 3 if right[1] > 5 else right[1] + 3
    outcomes: list[Outcome] = [said(right[0]), said(off), unread(), said(right[3])]
    figures = compare(rows, outcomes, Words())
    assert figures.rows == 4
    assert figures.parse_rate == 3 / 4
    assert figures.agreement == 2 / 4
    assert figures.mean_abs_error == pytest.approx(3 / 9 / 3)
    assert figures.reasoning_tokens == 3
    assert figures.preference_agreement is None
    assert figures.flip_rate is None
    assert set(figures.metrics()) == {
        f"eval_judge_{name}"
        for name in ("parse_rate", "agreement", "mean_abs_error", "reasoning_tokens")
    }


def test_pairs_in_both_orders() -> None:
    rows = [
        row
        for row in (curated_row("text pair", number, "default") for number in range(60))
        if row.scores[0] > row.scores[1]
    ][:3]
    best, worst = zip(*(row.scores for row in rows), strict=True)
    outcomes: list[Outcome] = [
        combine_orders(said(best[0], worst[0]), said(best[0], worst[0])),
        combine_orders(said(best[1], worst[1]), said(worst[1], best[1])),
        combine_orders(unread(), said(10, 1)),
    ]
    figures = compare(rows, outcomes, Words())
    assert figures.parse_rate == 5 / 6
    assert figures.agreement == (3 + (rows[2].scores == (10, 1))) / 6
    assert figures.preference_agreement == 4 / 6
    assert figures.flip_rate == 1 / 3


def test_right_ties_agree_with_said_ties() -> None:
    row = next(
        row
        for row in (curated_row("text pair", number, "default") for number in range(200))
        if row.scores[0] == row.scores[1]
    )
    figures = compare([row], [combine_orders(said(4, 4), said(4, 5))], Words())
    assert figures.preference_agreement == 1 / 2


def test_nothing_read_is_no_mean() -> None:
    figures = compare(curated_rows("text", 2), [unread(), unread()], Words())
    assert figures.agreement == figures.parse_rate == 0
    assert figures.mean_abs_error is None
    assert figures.reasoning_tokens is None


def test_rows_are_taken_from_all_over() -> None:
    rows = curated_rows("text", 10)
    assert spread(rows, 3) == (rows[0], rows[3], rows[6])
    assert spread(rows, 99) == tuple(rows)
    assert spread(rows, 0) == ()
