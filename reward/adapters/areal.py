"""AReaL's reward function, set up by the environment (``FLEXREWARD_RUBRIC``, …).

    workflow_kwargs = dict(reward_fn="reward.adapters.areal.judge_reward", ...)

AReaL runs a reward function in a pool of a few processes and gives it 15 s, its wait for a free
process included, four times over; then the reward is 0, whoever is to blame. So this answers within
``FLEXREWARD_DEADLINE_S``, here 12 s by default, and ``FLEXREWARD_UNJUDGED`` must say what a sample
that was not judged becomes: a number, or ``raise``, after which AReaL asks again three times, then
rejects the rollout, with its group, and goes on with others. That is the better choice here.

:func:`judge_reward_async` takes the place of the pool, see ``docs/frameworks/areal.md``.

Source: ``areal/api/reward_api.py``, ``areal/workflow/rlvr.py`` and
``areal/infra/workflow_executor.py`` of AReaL 1.0.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reward.adapters.core import Row, asker, number, read_settings, read_unjudged
from reward.adapters.labels import label_columns

DEADLINE_S = 12.0
"""Below AReaL's own 15 s, so that the answer is this function's and not AReaL's 0."""


def judge_reward(
    prompt: str,
    completions: str,
    prompt_ids: Sequence[int],
    completion_ids: Sequence[int],
    **data: Any,
) -> float:
    """The reward of one sample.

    Args:
        prompt: with the marks of the chat template; read where the row has no ``question`` and no
            ``messages``.
        completions: what the policy wrote.
        prompt_ids: not read.
        completion_ids: not read.
        data: the dataset's row. ``question``, ``messages``, ``images`` and ``answer`` are read;
            the answer is the reference, or an object, see :mod:`reward.adapters.labels`.

    Raises:
        RewardRequestError: a setting is missing, or the server refuses the call as a whole.
        UnjudgedError: the sample was not judged, and ``FLEXREWARD_UNJUDGED`` is ``raise``.
    """
    unjudged = read_unjudged()
    ask = asker(read_settings(default_deadline_s=DEADLINE_S)).ask
    (reward,) = ask([_row(prompt, completions, data)])
    return number(reward, unjudged)


async def judge_reward_async(
    prompt: str,
    completions: str,
    prompt_ids: Sequence[int],
    completion_ids: Sequence[int],
    **data: Any,
) -> float:
    """:func:`judge_reward` on the workflow's own event loop: no pool, no limit of 15 s."""
    unjudged = read_unjudged()
    ask = asker(read_settings()).ask_async
    (reward,) = await ask([_row(prompt, completions, data)])
    return number(reward, unjudged)


def _row(prompt: str, completion: str, data: dict[str, Any]) -> Row:
    return {
        "prompt": data.get("question") or data.get("messages") or prompt,
        "completion": completion,
        "images": data.get("images"),
        **label_columns(data.get("answer")),
    }
