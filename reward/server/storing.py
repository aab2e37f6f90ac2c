"""The server's verdict store, by its settings, and its figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from judge import MissingExtraError
from reward.server.config import ServerConfig
from reward.store.quantities import parse_age, parse_size

if TYPE_CHECKING:
    from reward.store.verdict_store import VerdictStore


def open_store(config: ServerConfig) -> VerdictStore | None:
    """The store that the settings name, opened; None where they name none.

    Raises:
        StoreError: it cannot be opened.
        MissingExtraError: SQLAlchemy or psycopg is needed and not installed.
    """
    if config.store is None:
        return None
    try:
        from reward.store.retention import Retention
        from reward.store.settings import StoreSettings
        from reward.store.verdict_store import VerdictStore

        retention = Retention(
            max_age_s=parse_age(config.store_max_age) if config.store_max_age else None,
            max_bytes=parse_size(config.store_max_size) if config.store_max_size else None,
        )
        return VerdictStore(config.store, StoreSettings(retention))
    except ImportError as error:
        raise MissingExtraError(error.name or "sqlalchemy", "store") from error


class StoreCollector(Collector):
    """What became of the store, as metrics."""

    def __init__(self, store: VerdictStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        counts = self._store.counts
        for name, text, value in (
            ("lookup_hits", "Lookups that found a verdict.", counts.hits),
            ("lookup_misses", "Lookups that found none.", counts.misses),
            ("written", "Judgements written.", counts.written),
            ("lost", "Judgements that could not be written.", counts.lost),
            ("failures", "Queries and commits that failed.", counts.failures),
        ):
            yield CounterMetricFamily(f"flexreward_store_{name}", text, value=value)
