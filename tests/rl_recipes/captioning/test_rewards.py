"""The composed captioning reward, as TRL calls it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from judge.errors import RequestError
from rl_recipes.captioning.claims import ClaimReader
from rl_recipes.captioning.rewards import CaptionJudgeReward, load_reward
from tests.reward.harness import LiveServer, picture

GOOD = "a red circle is here, it has score=10."
"""Eight words that meet every gate and term, for which the judge gives the highest score."""
UNREACHABLE = "http://127.0.0.1:9"


def function(url: str, claims: float = 0.0, **options: Any) -> CaptionJudgeReward:
    reader = ClaimReader(["red circle", "blue star"]) if claims else None
    return CaptionJudgeReward(load_reward(None, claims), reader, url=url, **options)


def test_gates_cost_no_call_and_give_their_value(server: LiveServer) -> None:
    before = server.count("POST")
    texts = [" ", "<b>a red circle</b> score=10.", "word " * 40, "see http://x.org score=10."]
    assert function(server.url)(["p"] * 4, texts) == [0.0] * 4
    assert server.count("POST") == before


def test_the_judge_counts_most_and_form_a_little(server: LiveServer) -> None:
    reward = function(server.url)
    good, low, without_end = reward(
        ["p"] * 3, [GOOD, GOOD.replace("10", "1"), GOOD.removesuffix(".")]
    )
    assert good == 1.0
    assert low == pytest.approx(0.3 / 1.3)
    assert without_end == pytest.approx(1.2 / 1.3)


def test_without_the_judge_there_is_no_reward(server: LiveServer) -> None:
    facts = [["red circle"]] * 2
    texts = ["a red circle is at the top left.", " "]
    assert function(server.url, 1.0)(["p"] * 2, texts, facts=facts) == [None, 0.0]
    gone = function(UNREACHABLE, 1.0, deadline_s=0.3)
    assert gone(["p"] * 2, [GOOD, " "], facts=facts) == [None, 0.0]


def test_claims_count_where_there_are_facts(server: LiveServer) -> None:
    logs: dict[str, Any] = {}
    right, wrong, unknown = function(server.url, 1.0)(
        ["p"] * 3,
        [GOOD] * 3,
        facts=[["red circle"], ["blue star"], None],
        log_extra=logs.__setitem__,
        log_metric=lambda name, value: None,
    )
    assert right == 1.0
    assert wrong == pytest.approx(1.3 / 2.3), "the judge is fooled, the facts are not"
    assert unknown == 1.0
    assert logs["caption_claims"] == [1.0, 0.0, None]
    assert logs["caption_judge"] == [1.0, 1.0, 1.0]


def test_a_picture_and_messages_as_trl_sends_them(server: LiveServer) -> None:
    rewards = function(server.url)(
        [[{"role": "user", "content": "Describe."}]],
        [[{"role": "assistant", "content": GOOD}]],
        image=[picture()],
    )
    assert rewards == [1.0]


def test_it_can_be_pickled(server: LiveServer) -> None:
    copied = pickle.loads(pickle.dumps(function(server.url, 1.0)))  # noqa: S301
    assert copied(["p"], [GOOD], facts=[["blue star"]]) == [pytest.approx(1.3 / 2.3)]


def test_a_reward_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nrubric: helpfulness\n")
    assert load_reward(str(path), 0.5).rubric == "helpfulness"
    with pytest.raises(RequestError, match="at least 0, got -1"):
        load_reward(None, -1)
    with pytest.raises(RequestError, match="does not hold a composed reward"):
        load_reward(str(tmp_path / "none.yaml"), 0.0)
