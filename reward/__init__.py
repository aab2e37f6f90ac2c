"""Verdicts become rewards: over HTTP (``flex-reward serve`` and a client), or in process.

    outcome → reward → trainer

Importing this package loads neither torch, vLLM, TRL, FastAPI nor httpx; the clients load on
first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reward.errors import RewardRequestError, ServerNotReadyError
from reward.mapping import to_reward
from reward.types import Reward

if TYPE_CHECKING:
    from reward.client import Cohort, Judgement, RewardClient, SyncRewardClient

_OF_THE_CLIENT = {"Cohort", "Judgement", "RewardClient", "SyncRewardClient"}

__all__ = [
    "Cohort",
    "Judgement",
    "Reward",
    "RewardClient",
    "RewardRequestError",
    "ServerNotReadyError",
    "SyncRewardClient",
    "to_reward",
]


def __getattr__(name: str) -> Any:
    if name not in _OF_THE_CLIENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("reward.client"), name)
