"""Verdicts become rewards: over HTTP (``flex-reward serve`` and a client), or in process.

    outcome → reward → trainer

Importing this package loads neither torch, vLLM, TRL, FastAPI nor httpx; the clients load on
first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reward.errors import RewardRequestError, ServerNotReadyError
from reward.mapping import to_reward
from reward.types import Reward

if TYPE_CHECKING:
    from reward.client import RewardClient
    from reward.sync_client import SyncRewardClient

__all__ = [
    "Reward",
    "RewardClient",
    "RewardRequestError",
    "ServerNotReadyError",
    "SyncRewardClient",
    "to_reward",
]


def __getattr__(name: str) -> Any:
    if name == "RewardClient":
        from reward.client import RewardClient

        return RewardClient
    if name == "SyncRewardClient":
        from reward.sync_client import SyncRewardClient

        return SyncRewardClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
