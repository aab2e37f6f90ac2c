"""Answers compared side by side, over a real socket."""

from __future__ import annotations

import pytest

from judge.types import Candidate
from reward.adapters.composed import ComposedJudgeReward
from reward.compose import ComposedReward, Gate, WeightedTerm
from reward.errors import RewardRequestError
from reward.types import Reward
from rl_recipes.comparing import ComparedReward, compare_groups
from tests.reward.harness import LiveServer, picture


def rows(*texts: str) -> list[dict[str, object]]:
    return [{"prompt": "p", "image": picture(), "completion": text} for text in texts]


def values(groups: list[list[Reward]]) -> list[list[float | None]]:
    return [[reward.value for reward in group] for group in groups]


async def test_the_share_of_comparisons_won(server: LiveServer) -> None:
    groups = [rows("score=9", "score=2"), rows("score=2", "score=5", "score=9")]
    found = await compare_groups(server.url, groups, rubric="captioning", deadline_s=30)
    assert values(found) == [[1.0, 0.0], [0.0, 0.5, 1.0]]


async def test_what_cannot_be_compared_is_none_and_harms_nobody_else(server: LiveServer) -> None:
    groups = [rows("nothing", "score=2"), rows("score=2", "score=2 again")]
    found = await compare_groups(server.url, groups, rubric="captioning", deadline_s=30)
    assert values(found) == [[None, None], [0.5, 0.5]]


async def test_a_server_that_is_gone_leaves_all_none() -> None:
    found = await compare_groups(
        "http://127.0.0.1:9", [rows("a", "b")] * 3, rubric="captioning", deadline_s=0.3
    )
    assert values(found) == [[None, None]] * 3


async def test_who_has_nobody_to_be_compared_with_costs_nothing() -> None:
    found = await compare_groups(
        "http://127.0.0.1:9", [rows("a"), []], rubric="captioning", deadline_s=5
    )
    assert values(found) == [[1.0], []]


async def test_an_unknown_rubric_is_the_callers_mistake(server: LiveServer) -> None:
    with pytest.raises(RewardRequestError, match="unknown rubric 'none'"):
        await compare_groups(server.url, [rows("a", "b")], rubric="none", deadline_s=5)


def is_open(candidate: Candidate) -> float:
    return float("shut" not in (candidate.text or ""))


def is_long(candidate: Candidate) -> float:
    return float("long" in (candidate.text or ""))


def compared(server: LiveServer, size: int, *terms: WeightedTerm) -> ComparedReward:
    composed = ComposedReward("r", "captioning", (Gate("open", is_open, value=0.0),), terms)
    reward = ComposedJudgeReward(composed, url=server.url)
    return ComparedReward(reward, size=size, url=server.url, deadline_s=30)


async def test_gates_and_terms_hold_where_answers_are_compared(server: LiveServer) -> None:
    answers = ["score=5", "score=9 shut", "score=2", "score=9 shut too"]
    found = await compared(server, 4)(["p"] * 4, answers)
    assert found == [1.0, 0.0, pytest.approx(2 / 3), 0.0]
    weighed = compared(server, 2, WeightedTerm("long", is_long, 1.0))
    assert await weighed(["p"] * 2, ["score=5 long", "score=9"]) == [0.5, 0.5]


async def test_answers_that_all_fail_a_gate_are_worth_the_same(server: LiveServer) -> None:
    before = server.count("POST")
    assert await compared(server, 2)(["p"] * 4, ["shut"] * 3 + ["score=1"]) == [0.0, 0.0, 0.0, 1.0]
    assert server.count("POST") == before, "nobody is asked"


async def test_what_could_not_be_compared_has_no_reward(server: LiveServer) -> None:
    assert await compared(server, 2)(["p"] * 2, ["nothing", "score=2"]) == [None, None]
