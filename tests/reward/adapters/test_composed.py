"""A composed reward as TRL calls it: gates cost no call, and nothing stands in for the judge."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from reward.adapters.composed import AsyncComposedJudgeReward, ComposedJudgeReward
from reward.compose import ComposedReward, Gate, WeightedTerm
from reward.terms import LengthBand, Pattern
from tests.reward.harness import LiveServer, TestEngine

COMPOSED = ComposedReward(
    "mine",
    "captioning",
    gates=(Gate("not_empty", LengthBand(1), value=-0.5),),
    terms=(WeightedTerm("polite", Pattern("please"), 1.0),),
)
UNREACHABLE = "http://127.0.0.1:9"


class Logs:
    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.metrics: dict[str, float] = {}

    @property
    def keywords(self) -> dict[str, Any]:
        return {
            "log_extra": self.columns.__setitem__,
            "log_metric": self.metrics.__setitem__,
        }


def test_gates_judge_and_terms(live: LiveServer, engine: TestEngine) -> None:
    logs = Logs()
    function = ComposedJudgeReward(COMPOSED, url=live.url)
    engine.prompts.clear()
    rewards = function(
        ["p"] * 4, ["score=10 please", " ", "score=10", "please garble"], **logs.keywords
    )
    assert rewards == [1.0, -0.5, 0.5, None]
    assert logs.columns["mine_judge"] == [1.0, None, 1.0, None]
    assert logs.columns["mine_not_empty"] == [1.0, 0.0, 1.0, 1.0]
    assert logs.columns["mine_polite"] == [1.0, None, 0.0, 1.0]
    assert logs.metrics["mine/polite"] == pytest.approx(2 / 3)
    assert logs.metrics["mine/unjudged_rate"] == 0.25


def test_a_batch_that_fails_its_gates_asks_nobody() -> None:
    logs = Logs()
    function = ComposedJudgeReward(COMPOSED, url=UNREACHABLE, deadline_s=0.3)
    assert function(["p", "p"], [" ", ""], **logs.keywords) == [-0.5, -0.5]
    # The same columns on every rank, whatever its samples are like.
    assert {"mine_judge", "mine_not_empty", "mine_polite"} < set(logs.columns)


def test_without_a_judge_there_is_no_reward() -> None:
    function = ComposedJudgeReward(COMPOSED, url=UNREACHABLE, deadline_s=0.3)
    assert function(["p", "p"], ["please", " "]) == [None, -0.5]


async def test_async_twin(live: LiveServer) -> None:
    function = AsyncComposedJudgeReward(COMPOSED, url=live.url)
    assert await function(["p", "p"], ["score=10", " "]) == [0.5, -0.5]
    await function.aclose()


def test_a_row_that_cannot_be_read_is_unjudged(live: LiveServer) -> None:
    function = ComposedJudgeReward(COMPOSED, url=live.url)
    assert function(["", "p"], ["score=10", "score=1"]) == [None, 0.0]


def test_in_a_spawned_child(live: LiveServer) -> None:
    function = ComposedJudgeReward(COMPOSED, url=live.url)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(function, (["p", "p"], ["score=10 please", " "])) == [1.0, -0.5]
