"""ms-swift's reward plugins, set up by the environment (``FLEXREWARD_RUBRIC``, …).

    # plugin.py, given by --external_plugins plugin.py --reward_funcs judge
    from swift.rewards import orms
    from reward.adapters.ms_swift import AsyncJudgeORM

    orms["judge"] = AsyncJudgeORM

ms-swift takes None, and then counts it as 0, whether there are other reward functions or not (the
``nansum`` of its ``compute_advantages``). So ``FLEXREWARD_UNJUDGED`` must say what a sample that
was not judged becomes: a number, or ``raise``, which ends the run.

Source: ``swift/rl_core/grpo_algorithm.py``, ``swift/rl_core/advantage.py`` and
``swift/rewards/orm.py`` of ms-swift 4.6.0; plugins need not inherit from its ``ORM``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from reward.adapters.columns import load_pictures
from reward.adapters.core import Row, Unjudged, asker, number, read_settings, read_unjudged
from reward.types import Reward

_REFERENCES = ("reference", "solution")
"""Columns with a known good answer; ``solution`` is ms-swift's own name for it."""


class _Plugin:
    def __init__(self, args: Any = None, **options: Any) -> None:
        """Arguments as ms-swift passes them; none is read."""


class JudgeORM(_Plugin):
    """A judge's reward, blocking."""

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """One reward a completion, in order.

        Args:
            completions: what the policy wrote.
            columns: ``messages``, whose last turn is the completion; ``images``; a reference as
                ``reference`` or ``solution``. Others are not read.

        Raises:
            RewardRequestError: a setting is missing, or the server refuses the call as a whole.
            UnjudgedError: a sample was not judged, and ``FLEXREWARD_UNJUDGED`` is ``raise``.
        """
        unjudged = read_unjudged()
        return _numbers(asker(read_settings()).ask(_rows(completions, columns)), unjudged)


class AsyncJudgeORM(_Plugin):
    """A judge's reward that ms-swift runs beside other asynchronous ones."""

    async def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """See :meth:`JudgeORM.__call__`."""
        unjudged = read_unjudged()
        ask = asker(read_settings())
        rows = await asyncio.to_thread(_rows, completions, columns)
        try:
            rewards = await ask.ask_async(rows)
        finally:
            await ask.aclose()  # ms-swift makes an event loop for each batch
        return _numbers(rewards, unjudged)


def _numbers(rewards: Sequence[Reward], unjudged: Unjudged) -> list[float]:
    return [number(reward, unjudged) for reward in rewards]


def _rows(completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for index, completion in enumerate(completions):
        sample = {name: values[index] for name, values in _per_sample(columns).items()}
        references = [sample[name] for name in _REFERENCES if sample.get(name) is not None]
        row: Row = {
            "prompt": _before_the_answer(sample.get("messages") or []),
            "completion": completion,
            "images": sample.get("images"),
            "reference": references[0] if references else None,
        }
        rows.append(row)
    load_pictures(rows)
    return rows


def _per_sample(columns: Mapping[str, Any]) -> dict[str, Any]:
    names = ("messages", "images", *_REFERENCES)
    return {name: columns[name] for name in names if columns.get(name) is not None}


def _before_the_answer(messages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    answered = bool(messages) and messages[-1].get("role") == "assistant"
    return messages[:-1] if answered else messages
