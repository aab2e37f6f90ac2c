"""EasyR1: a batch of responses with their ground truth, which holds the question."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from judge.engines.scripted import prompt_text
from reward import RewardRequestError
from reward.adapters import easyr1
from tests.reward.harness import TestEngine

GROUND_TRUTH = json.dumps({"question": "Describe it.", "reference": "A cat."})


def inputs(*responses: str, ground_truth: str = GROUND_TRUTH) -> list[dict[str, Any]]:
    return [
        {"response": text, "response_length": 5, "ground_truth": ground_truth} for text in responses
    ]


def test_batch(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    scores = easyr1.compute_score(inputs("score=10", "garble", "score=1"), unjudged=-0.5)
    assert scores == [
        {"overall": 1.0, "judged": 1.0},
        {"overall": -0.5, "judged": 0.0},
        {"overall": 0.0, "judged": 1.0},
    ]
    assert "Describe it." in prompt_text(engine.prompts[0])


def test_loaded_from_its_file_as_easyr1_does(served: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("custom_reward_fn", str(easyr1.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.compute_score(inputs("score=10"), unjudged=0) == [{"overall": 1.0, "judged": 1.0}]


def test_mistakes_in_the_setup_are_told(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="question"):
        easyr1.compute_score(inputs("score=10", ground_truth="A cat."), unjudged=0)
    with pytest.raises(RewardRequestError, match="reward_type=batch"):
        easyr1.compute_score(inputs("score=10")[0], unjudged=0)
    with pytest.raises(RewardRequestError, match="FLEXREWARD_UNJUDGED"):
        easyr1.compute_score(inputs("score=10"))
