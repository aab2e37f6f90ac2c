"""Answers compared side by side, over a real socket."""

from __future__ import annotations

import pytest

from reward.errors import RewardRequestError
from rl_recipes.comparing import compare_groups
from tests.reward.harness import LiveServer, picture


def rows(*texts: str) -> list[dict[str, object]]:
    return [{"prompt": "p", "image": picture(), "completion": text} for text in texts]


async def test_the_share_of_comparisons_won(server: LiveServer) -> None:
    groups = [rows("score=9", "score=2"), rows("score=2", "score=5", "score=9")]
    found = await compare_groups(server.url, groups, rubric="captioning", deadline_s=30)
    assert found == [[1.0, 0.0], [0.0, 0.5, 1.0]]


async def test_what_cannot_be_compared_is_none_and_harms_nobody_else(server: LiveServer) -> None:
    groups = [rows("nothing", "score=2"), rows("score=2", "score=2 again")]
    found = await compare_groups(server.url, groups, rubric="captioning", deadline_s=30)
    assert found == [[None, None], [0.5, 0.5]]


async def test_a_server_that_is_gone_leaves_all_none() -> None:
    found = await compare_groups(
        "http://127.0.0.1:9", [rows("a", "b")] * 3, rubric="captioning", deadline_s=0.3
    )
    assert found == [[None, None]] * 3


async def test_an_unknown_rubric_is_the_callers_mistake(server: LiveServer) -> None:
    with pytest.raises(RewardRequestError, match="unknown rubric 'none'"):
        await compare_groups(server.url, [rows("a", "b")], rubric="none", deadline_s=5)
