"""AReaL: one sample, in a process of a pool, within its deadline."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from judge.engines.scripted import prompt_text
from reward import RewardRequestError
from reward.adapters.areal import judge_reward, judge_reward_async
from reward.errors import UnjudgedError
from tests.reward.harness import TestEngine

ROW: dict[str, Any] = {
    "messages": [{"role": "user", "content": "What is shown?"}],
    "answer": "the gold",
    "query_id": "7",
}


def call(completion: str, **row: Any) -> float:
    return judge_reward("<|im_start|>user\nWhat?", completion, [1, 2], [3], **row)


def test_reward(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "0.5")
    assert call("score=10", **ROW) == 1.0
    text = prompt_text(engine.prompts[0])
    assert "What is shown?" in text
    assert "the gold" in text
    assert call("garble", **ROW) == 0.5
    call("score=1")
    assert "user\nWhat?" in prompt_text(engine.prompts[-1])


def test_no_number_by_default(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="FLEXREWARD_UNJUDGED"):
        call("score=10", **ROW)


def test_the_deadline_is_kept(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "raise")
    served.setenv("FLEXREWARD_DEADLINE_S", "1")
    start = time.monotonic()
    with pytest.raises(UnjudgedError, match="deadline"):
        call("hang", **ROW)
    assert time.monotonic() - start < 10


def test_in_a_pool_of_processes(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "0")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(judge_reward, "p", "score=10", [1], [2], **ROW).result() == 1.0


async def test_async_twin(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "0")
    assert await judge_reward_async("p", "score=10", [1], [2], **ROW) == 1.0
