"""A reward for verifiers (v1) and prime-rl, set up by the environment (``FLEXREWARD_RUBRIC``, …).

    [taskset.task.rewards.judge]
    fn = "reward.adapters.verifiers:judge_reward"

A sample that was not judged raises, which marks the rollout as errored: it is neither scored nor
trained on.

Source: ``verifiers/v1/task.py`` and ``verifiers/v1/utils/loaders.py`` of verifiers 0.4.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from judge.messages import message_text
from reward.adapters.core import Row, asker, number, read_settings
from reward.adapters.labels import label_columns


async def judge_reward(task: Any, trace: Any) -> float:
    """The reward of a rollout's last reply.

    Args:
        task: the task's data. Its ``prompt`` is the question, pictures in it included; its
            ``answer``, where it has one, the reference or an object, see
            :mod:`reward.adapters.labels`.
        trace: the rollout's trace.

    Raises:
        RewardRequestError: a setting is missing, or the server refuses the call as a whole.
        UnjudgedError: the reply was not judged.
    """
    (reward,) = await asker(read_settings()).ask_async([_row(task, trace.last_reply)])
    return number(reward, "raise")


def _row(task: Any, reply: str) -> Row:
    prompt = task.prompt or ""
    turns = prompt if isinstance(prompt, str) else [turn.model_dump() for turn in prompt]
    return {
        "prompt": message_text(turns, "prompt"),
        "images": [] if isinstance(turns, str) else _picture_urls(turns),
        "completion": reply,
        **label_columns(getattr(task, "answer", None)),
    }


def _picture_urls(turns: Sequence[dict[str, Any]]) -> list[str]:
    return [
        part["image_url"]["url"]
        for turn in turns
        if isinstance(turn.get("content"), list)
        for part in turn["content"]
        if part.get("type") == "image_url"
    ]
