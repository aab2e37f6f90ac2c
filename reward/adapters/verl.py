"""verl's reward function: ``compute_score``, or ``compute_score_async``, which is the faster one.

    reward.custom_reward_function.path=pkg://reward.adapters.verl
    reward.custom_reward_function.name=compute_score_async
    +reward.custom_reward_function.reward_kwargs.rubric=helpfulness
    +reward.custom_reward_function.reward_kwargs.unjudged=0.0

verl passes one sample at a time, without its prompt: put that into ``extra_info["question"]`` and
pictures into ``extra_info["images"]``. It takes nothing but a number, so ``unjudged`` must say what
a sample that was not judged becomes; with ``"raise"`` the run ends. The share of judged samples is
the mean of ``judged`` in verl's validation metrics and rollout dumps.

Source: ``verl/experimental/reward_loop/reward_manager/naive.py`` of verl 0.9.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reward.adapters.core import Row, Unjudged, asker, number, read_settings, read_unjudged
from reward.adapters.labels import label_columns
from reward.errors import RewardRequestError
from reward.types import Reward


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | None = None,
    rubric: str | None = None,
    deadline_s: float | None = None,
    unjudged: Unjudged | None = None,
    **others: Any,
) -> dict[str, float]:
    """The reward of one sample as ``score``, and whether it was judged (1.0 or 0.0) as ``judged``.

    Args:
        data_source: verl's name of the dataset; not read.
        solution_str: what the policy wrote.
        ground_truth: the reference, or an object; see :mod:`reward.adapters.labels`.
        extra_info: its ``question`` and ``images`` are read, where the ground truth has none.
        url, rubric, deadline_s: see :func:`~reward.adapters.core.read_settings`.
        unjudged: see :func:`~reward.adapters.core.read_unjudged`.
        others: what verl passes beside; not read.

    Raises:
        RewardRequestError: a setting is missing, the sample has neither question nor pictures, or
            the server refuses the call as a whole.
        UnjudgedError: the sample was not judged, and ``unjudged`` is ``"raise"``.
    """
    policy = read_unjudged(unjudged)
    row = _row(solution_str, ground_truth, extra_info or {})
    ask = asker(read_settings(url=url, rubric=rubric, deadline_s=deadline_s)).ask
    (reward,) = ask([row])
    return _score(reward, policy)


async def compute_score_async(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | None = None,
    rubric: str | None = None,
    deadline_s: float | None = None,
    unjudged: Unjudged | None = None,
    **others: Any,
) -> dict[str, float]:
    """See :func:`compute_score`."""
    policy = read_unjudged(unjudged)
    row = _row(solution_str, ground_truth, extra_info or {})
    ask = asker(read_settings(url=url, rubric=rubric, deadline_s=deadline_s)).ask_async
    (reward,) = await ask([row])
    return _score(reward, policy)


def _row(solution: str, ground_truth: Any, extra_info: Mapping[str, Any]) -> Row:
    pictures = extra_info.get("images")
    row: Row = {
        "prompt": extra_info.get("question"),
        "images": None if pictures is None else list(pictures),  # Parquet gives an array
        "completion": solution,
        **label_columns(ground_truth),
    }
    if not row["prompt"] and not row["images"] and not row.get("image"):
        raise RewardRequestError(
            "verl passes no prompt to a reward: give the dataset extra_info['question'] (or "
            f"'images'); got extra_info with {sorted(extra_info)}"
        )
    return row


def _score(reward: Reward, unjudged: Unjudged) -> dict[str, float]:
    """The same keys for every sample, as verl needs them."""
    return {"score": number(reward, unjudged), "judged": float(reward.value is not None)}
