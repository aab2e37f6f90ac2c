"""What a store holds, in figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, select

from reward.store.table import verdicts


@dataclass(slots=True)
class Tally:
    """Figures of some rows.

    ``served`` counts answers given from them without judging, ``unjudged`` rows without a verdict
    by reason; ``size`` is in bytes, about, and ``judged_s`` the judge's seconds in all.
    """

    rows: int = 0
    verdicts: int = 0
    served: int = 0
    size: int = 0
    judged_s: float = 0.0
    unjudged: Counter[str] = field(default_factory=Counter)

    @property
    def hit_rate(self) -> float | None:
        """Share, in [0, 1], of all answers that were served without judging; None of none."""
        answers = self.rows + self.served
        return self.served / answers if answers else None

    def record(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {
            "rows": self.rows,
            "verdicts": self.verdicts,
            "unjudged": dict(self.unjudged.most_common()),
            "served": self.served,
            "hit_rate": self.hit_rate,
            "bytes": self.size,
            "judged_s": round(self.judged_s, 3),
        }


@dataclass(slots=True)
class StoreStats:
    """All rows together, by run and by judge; ``oldest`` and ``newest`` in seconds since 1970."""

    total: Tally = field(default_factory=Tally)
    runs: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    judges: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    oldest: float | None = None
    newest: float | None = None

    def record(self) -> dict[str, Any]:
        """The figures as JSON has them; times as ISO 8601, UTC."""
        return {
            **self.total.record(),
            "oldest": None if self.oldest is None else iso_time(self.oldest),
            "newest": None if self.newest is None else iso_time(self.newest),
            "runs": {name: tally.record() for name, tally in self.runs.items()},
            "judges": {name: tally.record() for name, tally in self.judges.items()},
        }


def read_stats(engine: Engine) -> StoreStats:
    """The figures of a store; one pass over its table."""
    column = verdicts.c
    groups = select(
        column.run,
        column.judge,
        column.reason,
        func.count().label("rows"),
        func.sum(column.served).label("served"),
        func.sum(column.size).label("size"),
        func.sum(column.judged_s).label("judged_s"),
        func.min(column.created_at).label("oldest"),
        func.max(column.created_at).label("newest"),
    ).group_by(column.run, column.judge, column.reason)
    stats = StoreStats()
    with engine.connect() as connection:
        for group in connection.execute(groups.order_by(column.run, column.judge)):
            for tally in (stats.total, stats.runs[group.run], stats.judges[group.judge]):
                _add(tally, group)
            stats.oldest = min(group.oldest, stats.oldest or group.oldest)
            stats.newest = max(group.newest, stats.newest or group.newest)
    return stats


def stats_text(stats: StoreStats) -> str:
    """The figures as a table for people."""
    total = stats.total
    lines = [f"{'':30} {'rows':>10} {'verdicts':>10} {'served':>10} {'hit rate':>9} {'MB':>9}"]
    lines.append(_line("all", total))
    lines += [_line(f"run {name or '(unnamed)'}", tally) for name, tally in stats.runs.items()]
    lines += [_line(f"judge {name}", tally) for name, tally in stats.judges.items()]
    lines += [f"unjudged, {reason}: {n}" for reason, n in total.unjudged.most_common()]
    if stats.oldest is not None and stats.newest is not None:
        lines.append(f"from {iso_time(stats.oldest)} to {iso_time(stats.newest)}")
    return "\n".join(lines)


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _add(tally: Tally, group: Any) -> None:
    tally.rows += group.rows
    tally.served += int(group.served)
    tally.size += int(group.size)
    tally.judged_s += group.judged_s
    if group.reason is None:
        tally.verdicts += group.rows
    else:
        tally.unjudged[group.reason] += group.rows


def _line(name: str, tally: Tally) -> str:
    hit_rate = "-" if tally.hit_rate is None else f"{tally.hit_rate:.1%}"
    return (
        f"{name[:30]:30} {tally.rows:>10} {tally.verdicts:>10} {tally.served:>10} "
        f"{hit_rate:>9} {tally.size / 1e6:>9.1f}"
    )
