"""verl: one sample, a dict with the same keys whatever became of it."""

from __future__ import annotations

import inspect
from functools import partial

import pytest

from judge import Image
from judge.engines.scripted import prompt_text
from reward import RewardRequestError
from reward.adapters.verl import compute_score, compute_score_async
from reward.errors import UnjudgedError
from tests.reward.harness import LiveServer, TestEngine, picture

QUESTION = {"question": "What is shown?", "index": 3}


def test_score(served: pytest.MonkeyPatch, engine: TestEngine) -> None:
    score = partial(compute_score, "data", extra_info=QUESTION, unjudged=-1.0)
    assert score("score=10", "the gold") == {"score": 1.0, "judged": 1.0}
    text = prompt_text(engine.prompts[0])
    assert "What is shown?" in text
    assert "the gold" in text
    assert score("garble", "the gold") == {"score": -1.0, "judged": 0.0}


def test_settings_are_arguments(environment: pytest.MonkeyPatch, live: LiveServer) -> None:
    score = compute_score(
        data_source="data",
        solution_str="score=1",
        ground_truth=None,
        extra_info=QUESTION,
        url=live.url,
        rubric="captioning",
        unjudged="raise",
        reward_router_address=None,
    )
    assert score == {"score": 0.0, "judged": 1.0}


def test_pictures_come_from_the_extra_information(
    served: pytest.MonkeyPatch, engine: TestEngine
) -> None:
    compute_score("data", "score=4", None, {"images": (picture(), picture("blue"))}, unjudged=0)
    assert len(engine.prompts[0].parts(Image)) == 2


def test_a_missing_question_is_told_at_once(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match=r"extra_info\['question'\].*\['index'\]"):
        compute_score("data", "score=4", "gold", {"index": 3}, unjudged=0)


def test_no_number_by_default(served: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="FLEXREWARD_UNJUDGED"):
        compute_score("data", "score=4", None, QUESTION)
    served.setenv("FLEXREWARD_UNJUDGED", "raise")
    with pytest.raises(UnjudgedError, match="not_a_number"):
        compute_score("data", "garble", None, QUESTION)


async def test_async_twin(served: pytest.MonkeyPatch) -> None:
    assert inspect.iscoroutinefunction(compute_score_async)
    score = partial(compute_score_async, "data", ground_truth=None, extra_info=QUESTION)
    assert await score("score=10", unjudged=0) == {"score": 1.0, "judged": 1.0}
    assert await score("garble", unjudged=0) == {"score": 0.0, "judged": 0.0}
