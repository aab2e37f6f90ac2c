from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Reason, Rubric, Unjudged, Usage, Verdict
from reward import Reward, to_reward

RUBRIC = Rubric("r", "criteria")


@pytest.mark.parametrize(("score", "value"), [(1, 0.0), (10, 1.0), (5.5, 0.5), (7, 6 / 9)])
def test_linear_from_scale_to_range(score: float, value: float) -> None:
    reward = to_reward(Verdict((score,), (1, 10), "because", usage=Usage(5, 3)), RUBRIC)
    assert reward.value == pytest.approx(value)
    assert (reward.score, reward.reason, reward.rationale) == (score, None, "because")
    assert reward.usage == Usage(5, 3)


@given(st.floats(0, 1), st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-0.3, 0.7), (2.0, 5.0)]))
def test_stays_in_range_and_meets_its_ends(score: float, ends: tuple[float, float]) -> None:
    rubric = Rubric("r", "criteria", scale=(0, 1), reward_range=ends)
    value = to_reward(Verdict((score,), (0, 1), ""), rubric).value
    assert value is not None
    assert ends[0] <= value <= ends[1]
    assert to_reward(Verdict((0,), (0, 1), ""), rubric).value == ends[0]
    assert to_reward(Verdict((1,), (0, 1), ""), rubric).value == ends[1]


@pytest.mark.parametrize("reason", list(Reason))
def test_unjudged_is_never_a_number(reason: Reason) -> None:
    reward = to_reward(Unjudged(reason, "detail"), RUBRIC)
    assert reward.value is None
    assert reward.score is None
    assert (reward.reason, reward.detail) == (reason, "detail")


@pytest.mark.parametrize(
    ("value", "reason"), [(None, None), (0.5, Reason.DEADLINE), (math.nan, None), (math.inf, None)]
)
def test_a_reward_holds_together(value: float | None, reason: Reason | None) -> None:
    with pytest.raises(ValueError, match="reward"):
        Reward(value, reason=reason)
