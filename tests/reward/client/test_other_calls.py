"""Groups and judgements by the client, as a server answers them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from judge import Prompt, Reason
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward import Cohort, RewardClient, RewardRequestError, SyncRewardClient
from reward.groups import GroupScoring, ListwiseScoring, PairwiseScoring
from reward.server import create_app
from reward.store.attempt import Labels
from tests.reward.client.scripted import UNREACHABLE, rows
from tests.reward.harness import LiveServer, make_judge, picture


def reply(prompt: Prompt) -> str:
    """Each candidate gets the score that it states."""
    scores = re.findall(r"score=(\d+)", prompt_text(prompt)) or ["5"]
    tags = "".join(f"<answer>{score}</answer>" for score in scores)
    return f"<think>\nas told\n</think>\n{tags}".removeprefix(prompt.begun)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    judge = make_judge(tmp_path / "judge", ScriptedEngine(reply))
    server = LiveServer(lambda: create_app(judge))
    server.start()
    yield server
    server.stop()


def pair(*completions: str, **columns: Any) -> dict[str, Any]:
    return {"prompt": "Which is better?", "completions": list(completions), **columns}


async def test_a_group_is_compared(server: LiveServer) -> None:
    async with RewardClient(server.url) as client:
        members = await client.group_rewards(
            rows("score=3", "score=9", "score=5", image=picture()),
            rubric="captioning",
            labels=Labels("run", 3),
        )
    assert [member.reward.value for member in members] == [0.0, 1.0, 0.5]
    assert [(member.asked, member.judged) for member in members] == [(2, 2)] * 3
    assert server.count("PUT") == 1


@pytest.mark.parametrize(
    "scoring",
    [
        GroupScoring(ListwiseScoring(3), pointwise_weight=0.5),
        GroupScoring(PairwiseScoring(neighbours=1, both_orders=False), pointwise_weight=0.5),
    ],
)
async def test_scoring_goes_along(server: LiveServer, scoring: GroupScoring) -> None:
    async with RewardClient(server.url) as client:
        low, high = await client.group_rewards(
            rows("score=1", "score=10"), rubric="captioning", scoring=scoring, rationale=True
        )
    assert (low.reward.value, high.reward.value) == (0.0, 1.0)
    assert dict(high.reward.parts) == {"comparison": 1.0, "pointwise": 1.0}
    assert high.reward.rationale == "as told"


async def test_ranks_bring_a_group_in_parts(server: LiveServer) -> None:
    """To one server, though each rank has clients and servers of its own to choose from."""
    ranks = [RewardClient([UNREACHABLE, server.url]) for _ in range(2)]
    for rank in ranks:  # has noticed that the first one is down
        await rank.rewards(rows("a", "b"), rubric="captioning")
    low, high = await asyncio.gather(
        *(
            rank.group_rewards(
                rows(*completions),
                rubric="captioning",
                cohort=Cohort("run/step1/prompt1", part, size=3),
            )
            for rank, part, completions in zip(
                ranks, "ab", (("score=1",), ("score=5", "score=9")), strict=True
            )
        )
    )
    assert [member.reward.value for member in low] == [0.0]
    assert [member.reward.value for member in high] == [0.5, 1.0]
    for rank in ranks:
        await rank.aclose()


async def test_an_unreadable_member_and_no_server() -> None:
    async with RewardClient(UNREACHABLE) as client:
        members = await client.group_rewards(
            [*rows("a", "b"), {"prompt": "Rate this."}], rubric="captioning", deadline_s=1
        )
        assert await client.group_rewards([], rubric="captioning") == []
    assert [member.reward.reason for member in members] == [
        Reason.SERVER_ERROR,
        Reason.SERVER_ERROR,
        Reason.BAD_REQUEST,
    ]


async def test_what_is_no_group_is_refused(server: LiveServer) -> None:
    samples = [*rows("a", prompt="One"), *rows("b", prompt="Another")]
    async with RewardClient(server.url) as client:
        with pytest.raises(RewardRequestError, match="share prompt"):
            await client.group_rewards(samples, rubric="captioning")


async def test_judgements_by_any_protocol(server: LiveServer) -> None:
    samples = [
        pair("score=2", "score=8"),
        {"prompt": "Q", "chosen": "score=9", "rejected": "score=1", "image": picture()},
        {"prompt": "Q", "completion": "score=7"},
        {"prompt": "Q", "completions": ["score=1", "score=2", "score=3"]},
        {"prompt": "Q", "completions": ["score=4", "score=4"]},
        {"prompt": "Q"},
    ]
    async with RewardClient(server.url) as client:
        judged = await client.judgements(samples, rubric="captioning", rationale=True)
    assert [each.scores for each in judged] == [(2, 8), (9, 1), (7,), (1, 2, 3), (4, 4), None]
    assert [each.preference for each in judged] == [1, 0, None, 2, None, None]
    assert judged[0].rationale == "as told"
    assert judged[5].reason is Reason.BAD_REQUEST
    assert server.count("PUT") == 1


async def test_candidates_with_pictures(server: LiveServer) -> None:
    images = [picture("red"), picture("blue")]
    async with RewardClient(server.url) as client:
        (judged,) = await client.judgements(
            [{"prompt": "Which is redder?", "candidate_images": images}], rubric="captioning"
        )
    assert judged.scores is None  # the script finds one score in it, and two are needed
    assert judged.reason is not Reason.BAD_REQUEST
    assert server.count("PUT") == 2


async def test_decoding_over_the_judges_own(server: LiveServer) -> None:
    async with RewardClient(server.url) as client:
        (judged,) = await client.judgements(
            [pair("score=2", "score=8")],
            rubric="captioning",
            decoding={"votes": 3, "temperature": 0.5, "both_orders": True},
        )
        with pytest.raises(RewardRequestError, match="beams"):
            await client.judgements([pair("a", "b")], rubric="captioning", decoding={"beams": 2})
    assert judged.flipped is False
    assert judged.votes == ((2, 8),) * 6


def test_blocking_face(server: LiveServer) -> None:
    with SyncRewardClient(server.url) as client:
        members = client.group_rewards(rows("score=1", "score=2"), rubric="captioning")
        assert [member.reward.value for member in members] == [0.0, 1.0]
        (judged,) = client.judgements([pair("score=2", "score=8")], rubric="captioning")
        assert judged.preference == 1
        rewards = client.run(lambda other: other.rewards(rows("score=10"), rubric="captioning"))
        assert rewards[0].value == 1.0
