"""ms-swift: a plugin, blocking or not, called as ``compute_rewards_per_func`` does."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from judge import Image
from judge.engines.scripted import prompt_text
from reward import RewardRequestError
from reward.adapters.ms_swift import AsyncJudgeORM, JudgeORM
from tests.reward.harness import LiveServer, TestEngine, picture


def turns(question: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


COMPLETIONS = ["score=10", "garble"]
COLUMNS: dict[str, Any] = {
    "messages": [turns("<image>What is shown?", answer) for answer in COMPLETIONS],
    "images": [[picture()], [picture()]],
    "solution": ["the gold", "the gold"],
    "trainer_state": object(),
    "finish_reason": [None, "length"],
}


def test_rows_as_ms_swift_passes_them(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "-1")
    assert JudgeORM(args=object())(COMPLETIONS, **COLUMNS) == [1.0, -1.0]
    text = prompt_text(engine.prompts[0])
    assert "What is shown?" in text
    assert "the gold" in text
    assert text.count("score=10") == 1
    assert len(engine.prompts[0].parts(Image)) == 1


def test_a_batch_uploads_each_picture_once(served: pytest.MonkeyPatch, live: LiveServer) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "raise")
    assert JudgeORM()(["score=10"] * 2, **COLUMNS) == [1.0, 1.0]
    assert live.count("PUT") == 1
    assert live.count("POST") == 1


def test_async_twin_lives_on_a_new_loop_each_batch(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "0")
    plugin = AsyncJudgeORM(args=object())
    assert inspect.iscoroutinefunction(plugin.__call__)
    for _ in range(2):
        assert asyncio.run(plugin(COMPLETIONS, **COLUMNS)) == [1.0, 0.0]


def test_no_number_by_default(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="FLEXREWARD_UNJUDGED"):
        JudgeORM()(COMPLETIONS, **COLUMNS)
