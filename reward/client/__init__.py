"""The client of a reward server, or of several: sync and async from one implementation.

    rows → samples.py → balancing.py → server.py → the wire → answers.py → rewards

A server uploads and asks, and is left out while it fails (``circuit.py``).

``client.py`` is what users hold; ``blocking.py`` runs it on a thread of its own; ``asking.py`` is
one call from its deadline to its last answer.
"""

from __future__ import annotations

from reward.client.answers import Judgement
from reward.client.blocking import SyncRewardClient
from reward.client.client import RewardClient
from reward.client.groups import Cohort
from reward.client.samples import Sample

__all__ = ["Cohort", "Judgement", "RewardClient", "Sample", "SyncRewardClient"]
