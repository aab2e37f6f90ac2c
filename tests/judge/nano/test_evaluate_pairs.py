"""Figures of pairs: fixed denominators, ties and unjudged ones counted as wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from judge.nano.evaluate_pairs import report_pairs
from judge.verdicts import Outcome, Reason, Unjudged, Verdict


def both(forward: tuple[float, float] | None, backward: tuple[float, float] | None) -> Outcome:
    votes = tuple(
        Verdict(scores, (1, 10), "") if scores else Unjudged(Reason.NO_ANSWER)
        for scores in (forward, backward)
    )
    if forward is None or backward is None:
        return Unjudged(Reason.NO_ANSWER, votes=votes)
    merged = Verdict(
        ((forward[0] + backward[0]) / 2, (forward[1] + backward[1]) / 2), (1, 10), "", votes=votes
    )
    return replace(merged, flipped=votes[0].best != votes[1].best)  # type: ignore[union-attr]  # both are verdicts here


def test_each_figure_counts_what_it_says() -> None:
    truth = [(9, 2), (2, 9), (5, 5), (9, 2), (9, 2)]
    outcomes = [
        both((8, 3), (8, 3)),  # right in both orders
        both((9, 8), (1, 8)),  # wrong in the first, right by the mean, flipped
        both((5, 5), (5, 5)),  # a true tie is in no accuracy
        both((4, 4), (4, 4)),  # a tie where one is better: wrong
        both(None, (8, 3)),  # unjudged: wrong
    ]
    report = report_pairs(truth, outcomes)
    assert report.accuracy == pytest.approx(1 / 4)
    assert report.accuracy_both_orders == pytest.approx(2 / 4)
    assert report.flip_rate == pytest.approx(1 / 5)
    assert report.parse_rate == pytest.approx(9 / 10)
    assert report.samples == 5
