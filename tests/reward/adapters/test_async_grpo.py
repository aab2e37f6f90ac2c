"""TRL's own scoring of AsyncGRPO, in a process spawned as its worker spawns one."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from reward.adapters.trl import AsyncJudgeReward, JudgeReward
from tests.reward.harness import LiveServer, picture

COMPLETIONS = ["score=10", "score=1", "garble"]


def score_as_trl(functions: list[Callable[..., Any]]) -> list[dict[str, float]]:
    """Metrics and advantage of each completion of one group, by TRL's rollout loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from accelerate.state import PartialState
        from trl.experimental.async_grpo import async_rollout_worker as worker
    PartialState()  # TRL's child makes one, too, before all else
    loop = worker._AsyncRolloutLoop.__new__(worker._AsyncRolloutLoop)
    loop.reward_funcs = functions
    loop.reward_func_names = [function.__name__ for function in functions]
    loop._env_reward_types = []
    count = len(COMPLETIONS)
    row = worker.TrainingSequence(
        input_ids=[1], completion_mask=[1], old_log_probs=[0.0], rollout_id=0
    )
    group = worker.RolloutGroup(
        prompts=[[{"role": "user", "content": "What is shown?"}]] * count,
        reward_kwargs={"image": [picture()] * count, "split": ["train"] * count},
        completions=[[{"role": "assistant", "content": text}] for text in COMPLETIONS],
        completions_ids=[[1]] * count,
        completions_sequences=[[row]] * count,
        tool_call_counts=[0] * count,
        tool_failure_counts=[0] * count,
        model_version=0,
        group_id=0,
        env_rewards=[None] * count,
        rollout_rewards=[None] * count,
    )
    samples = asyncio.run(loop._score_group(group))
    return [{"advantage": sample.advantage, **sample.metrics} for sample in samples]


@pytest.mark.parametrize("kind", [JudgeReward, AsyncJudgeReward])
def test_a_group_is_scored_in_the_spawned_child(live: LiveServer, kind: type[Any]) -> None:
    pytest.importorskip("trl")
    function = kind(url=live.url, rubric="captioning")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        best, worst, unjudged = pool.submit(score_as_trl, [function]).result()
    assert best["rewards/judge"] == 1.0
    assert best["advantage"] == pytest.approx(1.0)
    assert worst["advantage"] == pytest.approx(-1.0)
    assert math.isnan(unjudged["reward"])
    assert unjudged["advantage"] == 0.0
    assert live.count("PUT") == 1
