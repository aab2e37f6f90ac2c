"""Win rates as a TRL reward, on one rank and spread over several."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from judge import Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward import RewardRequestError
from reward.adapters.trl_groups import AsyncGroupReward, Grouping, GroupReward, group_parts
from reward.groups import GroupScoring
from reward.server import create_app
from tests.reward.harness import LiveServer, make_judge, picture

COMPLETIONS = ["score=3", "score=9", "score=5"]


def reply(prompt: Prompt) -> str:
    """Each candidate gets the score that it states; ``garble`` none."""
    scores = re.findall(r"score=(\w+)", prompt_text(prompt))
    tags = "".join(f"<answer>{score}</answer>" for score in scores)
    return f"<think>\nas told\n</think>\n{tags}".removeprefix(prompt.begun)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    judge = make_judge(tmp_path / "judge", ScriptedEngine(reply))
    server = LiveServer(lambda: create_app(judge))
    server.start()
    yield server
    server.stop()


def test_each_prompt_is_a_group(server: LiveServer) -> None:
    shared, other = picture("red"), picture("blue")
    function = GroupReward(rubric="captioning", url=server.url)
    columns: dict[str, Any] = {"image": [shared] * 3 + [other] * 2}
    rewards = function(
        ["p"] * 5, [*COMPLETIONS, "score=2", "score=1"], **columns, trainer_state=object()
    )
    assert rewards == [0.0, 1.0, 0.5, 1.0, 0.0]
    assert server.count("PUT") == 2
    function.close()


def test_parts_are_logged_and_the_unjudged_have_none(server: LiveServer) -> None:
    metrics: dict[str, float] = {}
    function = GroupReward(
        rubric="captioning",
        url=server.url,
        grouping=Grouping(GroupScoring(pointwise_weight=0.5)),
    )
    rewards = function(
        ["p", "p", "p"], ["score=1", "score=10", "score=x"], log_metric=metrics.__setitem__
    )
    assert rewards == [0.0, 1.0, None]
    assert metrics["judge/unjudged_rate"] == pytest.approx(1 / 3)
    assert metrics["judge/pointwise"] == 0.5
    function.close()


async def test_the_asynchronous_twin(server: LiveServer) -> None:
    function = AsyncGroupReward(rubric="captioning", url=server.url)
    assert await function(["p"] * 3, COMPLETIONS) == [0.0, 1.0, 0.5]
    await function.aclose()


def rank_rewards(rank: int, url: str, completions: list[str]) -> list[float | None]:
    """What a rank of a training run gets, in a process of its own."""
    import os

    os.environ["RANK"] = str(rank)
    grouping = Grouping(num_generations=4, start="run-7, today")
    function = AsyncGroupReward(rubric="captioning", url=url, grouping=grouping)
    return asyncio.run(function(["p"] * len(completions), completions))


def test_a_group_spread_over_ranks_is_one_group(server: LiveServer) -> None:
    """Two ranks of six rows hold three groups of four, the second of which they share."""
    scores = [1, 2, 3, 4, 9, 8, 7, 6, 1, 2, 3, 4]
    texts = [f"score={score}" for score in scores]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        ranks = [
            pool.submit(rank_rewards, rank, server.url, texts[rank * 6 : rank * 6 + 6])
            for rank in range(2)
        ]
        rewards = [reward for each in ranks for reward in each.result()]
    third = pytest.approx(1 / 3), pytest.approx(2 / 3)
    assert rewards == [0.0, *third, 1.0, 1.0, third[1], third[0], 0.0, 0.0, *third, 1.0]


def test_groups_by_place() -> None:
    rows = [{"prompt": "p"}] * 6
    grouping = Grouping(num_generations=4, start="r")
    first, second = (group_parts(rows, grouping, call=3, rank=rank) for rank in (0, 1))
    assert [len(part.rows) for part in (*first, *second)] == [4, 2, 2, 4]
    assert first[0].cohort is None
    assert first[1].cohort is not None
    assert second[0].cohort is not None
    assert first[1].cohort.id == second[0].cohort.id == "r/3/1"
    assert (first[1].cohort.part, second[0].cohort.part) == ("0", "1")


@pytest.mark.parametrize(("size", "start"), [(1, "r"), (8, "")])
def test_what_makes_no_group_is_refused(size: int, start: str) -> None:
    with pytest.raises(RewardRequestError, match=str(size) if start else "needs a start"):
        Grouping(num_generations=size, start=start)


def test_an_unknown_rubric_is_the_callers_mistake(server: LiveServer) -> None:
    with pytest.raises(RewardRequestError, match="nope"):
        GroupReward(rubric="nope", url=server.url)(["p"] * 3, COMPLETIONS)
