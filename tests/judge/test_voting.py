"""Votes and orders: how several outcomes become one."""

from __future__ import annotations

from typing import Any

import pytest

from judge.types import Usage
from judge.verdicts import Reason, SoftScore, Unjudged, Verdict
from judge.voting import combine_orders, combine_votes

THREE_WAY = (("A>B", (1.0, 0.0)), ("B>A", (0.0, 1.0)), ("A=B", (0.5, 0.5)))


def verdict(*scores: float, reasoning: str = "", **fields: Any) -> Verdict:
    return Verdict(scores, (1, 10), reasoning, usage=Usage(10, 5, 2), **fields)


UNREAD = Unjudged(Reason.NO_ANSWER, "nothing", usage=Usage(10, 7))


@pytest.mark.parametrize(
    ("rule", "score"), [("mean", 5.0), ("median", 4.0), ("majority", 2.0)], ids=str
)
def test_votes_become_one_score_by_the_rule(rule: Any, score: float) -> None:
    votes = [verdict(s) for s in (2.0, 2.0, 4.0, 8.0, 9.0)]
    combined = combine_votes(votes, rule)
    assert isinstance(combined, Verdict)
    assert combined.score == score
    assert combined.votes == tuple(votes)
    assert combined.usage == Usage(50, 25, 10)


def test_a_shared_majority_is_the_mean_of_those_that_share_it() -> None:
    combined = combine_votes([verdict(s) for s in (2.0, 2.0, 9.0, 9.0, 5.0)], "majority")
    assert isinstance(combined, Verdict)
    assert combined.score == 5.5


def test_the_reasoning_shown_is_that_of_the_nearest_vote() -> None:
    votes = [verdict(1.0, reasoning="low"), verdict(6.0, reasoning="mid"), verdict(9.0)]
    combined = combine_votes(votes, "mean")
    assert isinstance(combined, Verdict)
    assert combined.reasoning == "mid"


def test_unread_votes_count_for_nothing_while_most_are_read() -> None:
    combined = combine_votes([verdict(4.0), UNREAD, verdict(8.0)], "mean")
    assert isinstance(combined, Verdict)
    assert combined.score == 6.0
    assert combined.usage.completion_tokens == 17


@pytest.mark.parametrize("votes", [[verdict(4.0), UNREAD], [UNREAD, UNREAD, verdict(4.0)]])
def test_half_of_the_votes_unread_is_no_verdict(votes: list[Any]) -> None:
    combined = combine_votes(votes, "mean")
    assert isinstance(combined, Unjudged)
    assert combined.reason == Reason.TOO_FEW_VOTES
    assert "no_answer" in combined.detail


def test_soft_scores_are_averaged() -> None:
    votes = [
        verdict(3.0, soft=(SoftScore(3.0, 1.0, 0.0),)),
        verdict(5.0, soft=(SoftScore(5.0, 0.0, 0.2),)),
    ]
    combined = combine_votes(votes, "mean")
    assert isinstance(combined, Verdict)
    assert combined.soft == (SoftScore(4.0, 0.5, 0.1),)


def test_orders_are_averaged_so_that_a_liking_for_a_place_cancels_out() -> None:
    # The first place gets two points too many in both orders.
    combined = combine_orders(verdict(7.0, 6.0), verdict(5.0, 8.0))
    assert isinstance(combined, Verdict)
    assert combined.scores == (6.0, 7.0)
    assert combined.flipped is True
    assert combined.best == 1


@pytest.mark.parametrize(
    ("forward", "backward", "flipped"),
    [
        ((7.0, 6.0), (9.0, 1.0), False),
        ((7.0, 6.0), (5.0, 5.0), True),
        ((5.0, 5.0), (6.0, 6.0), False),
    ],
)
def test_a_flip_is_a_change_of_the_preferred_one(
    forward: tuple[float, float], backward: tuple[float, float], flipped: bool
) -> None:
    combined = combine_orders(verdict(*forward), verdict(*backward))
    assert isinstance(combined, Verdict)
    assert combined.flipped is flipped


def test_choices_that_contradict_each_other_are_no_option() -> None:
    one = Verdict((1.0, 0.0), (0.0, 1.0), "", options=(*THREE_WAY[:2],))
    other = Verdict((0.0, 1.0), (0.0, 1.0), "", options=(*THREE_WAY[:2],))
    combined = combine_orders(one, other)
    assert isinstance(combined, Verdict)
    assert (combined.scores, combined.choice, combined.flipped) == ((0.5, 0.5), None, True)


@pytest.mark.parametrize("place", [0, 1])
def test_an_order_without_a_verdict_leaves_the_request_unjudged(place: int) -> None:
    outcomes: list[Verdict | Unjudged] = [verdict(7.0, 6.0), verdict(7.0, 6.0)]
    outcomes[place] = UNREAD
    combined = combine_orders(*outcomes)
    assert isinstance(combined, Unjudged)
    assert combined.reason == Reason.NO_ANSWER
    assert len(combined.votes) == 2
