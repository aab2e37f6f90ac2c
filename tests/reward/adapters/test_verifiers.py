"""verifiers: a rollout without a verdict raises."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import pytest

from judge import Image
from judge.engines.scripted import prompt_text
from reward.adapters.verifiers import judge_reward
from reward.errors import UnjudgedError
from tests.reward.harness import TestEngine, picture


@dataclass
class Turn:
    """A message of verifiers, as far as it is read."""

    content: Any
    role: str = "user"

    def model_dump(self) -> dict[str, Any]:
        return {"role": self.role, "content": self.content}


@dataclass
class Data:
    """A task's data, as far as it is read."""

    prompt: Any
    answer: Any = None


@dataclass
class Trace:
    """A rollout's trace, as far as it is read."""

    last_reply: str
    rewards: dict[str, float] = field(default_factory=dict)


async def test_reward(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    assert await judge_reward(Data("What?", "the gold"), Trace("score=10")) == 1.0
    text = prompt_text(engine.prompts[0])
    assert "What?" in text
    assert "the gold" in text


async def test_pictures_in_the_prompt(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    file = io.BytesIO()
    picture().save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    content = [
        {"type": "text", "text": "What is shown?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    assert await judge_reward(Data([Turn(content)]), Trace("score=4")) == pytest.approx(1 / 3)
    assert "What is shown?" in prompt_text(engine.prompts[0])
    assert len(engine.prompts[0].parts(Image)) == 1


async def test_what_was_not_judged_raises(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnjudgedError, match="not_a_number"):
        await judge_reward(Data("What?"), Trace("garble"))
