"""How a store is used."""

from __future__ import annotations

from dataclasses import dataclass, field

from reward.store.retention import Retention


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Times in seconds.

    What comes within ``gather_s`` of a judgement is written with it, at a fraction of the cost.
    A lookup that takes longer than ``lookup_s`` has failed. Of what cannot be written at once,
    ``max_waiting`` items are kept in memory; what comes beyond them is lost. What failed is tried
    again every ``retry_s``. ``retention`` is enforced at the start and every ``prune_every_s``.
    """

    retention: Retention = field(default_factory=Retention)
    prune_every_s: float = 3600.0
    gather_s: float = 0.05
    lookup_s: float = 5.0
    retry_s: float = 5.0
    max_waiting: int = 4096
