"""EasyR1's reward function of a batch.

    worker.reward.reward_type=batch
    worker.reward.reward_function=<path of this file>:compute_score
    worker.reward.reward_function_kwargs='{rubric: captioning, unjudged: 0.0}'

EasyR1 passes a response and its ``ground_truth``, without prompt and pictures: the dataset's answer
column has to be an object (as JSON text) that holds them, see :mod:`reward.adapters.labels`. It
takes nothing but numbers, so ``unjudged`` must say what a sample that was not judged becomes; with
``"raise"`` the run ends. The mean of ``judged`` is logged as a metric.

Source: ``verl/workers/reward/function.py`` of hiyouga/EasyR1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reward.adapters.core import Row, Unjudged, asker, number, read_settings, read_unjudged
from reward.adapters.labels import label_columns
from reward.errors import RewardRequestError


def compute_score(
    reward_inputs: Sequence[dict[str, Any]],
    *,
    url: str | None = None,
    rubric: str | None = None,
    deadline_s: float | None = None,
    unjudged: Unjudged | None = None,
) -> list[dict[str, float]]:
    """One score a sample, in order: the reward as ``overall``, and ``judged`` (1.0 or 0.0).

    Args:
        reward_inputs: with ``response`` and ``ground_truth`` each.
        url, rubric, deadline_s: see :func:`~reward.adapters.core.read_settings`.
        unjudged: see :func:`~reward.adapters.core.read_unjudged`.

    Raises:
        RewardRequestError: a setting is missing, a sample has neither question nor pictures,
            ``reward_type`` is not ``batch``, or the server refuses the call as a whole.
        UnjudgedError: a sample was not judged, and ``unjudged`` is ``"raise"``.
    """
    if isinstance(reward_inputs, dict):
        raise RewardRequestError("a single sample came: set worker.reward.reward_type=batch")
    policy = read_unjudged(unjudged)
    rows = [_row(each["response"], each["ground_truth"]) for each in reward_inputs]
    rewards = asker(read_settings(url=url, rubric=rubric, deadline_s=deadline_s)).ask(rows)
    return [
        {"overall": number(reward, policy), "judged": float(reward.value is not None)}
        for reward in rewards
    ]


def _row(response: str, ground_truth: Any) -> Row:
    row: Row = {**label_columns(ground_truth), "completion": response}
    if not row.get("prompt") and not row.get("images") and not row.get("image"):
        raise RewardRequestError(
            "EasyR1 passes no prompt to a reward: the answer column has to be an object with the "
            f"question (or images), as JSON text; got {str(ground_truth)[:200]!r}"
        )
    return row
