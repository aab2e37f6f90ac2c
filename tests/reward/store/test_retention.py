from __future__ import annotations

from pathlib import Path
from time import time

import pytest
from sqlalchemy import Engine

from reward.store.attempt import Attempt
from reward.store.database import open_database
from reward.store.retention import Pruned, Retention, prune
from reward.store.stats import read_stats
from reward.store.table import verdicts
from tests.reward.store.cases import attempt, rows


@pytest.fixture
def engine(location: str) -> Engine:
    return open_database(location)


def fill(engine: Engine, attempts: list[Attempt]) -> list[int]:
    """Adds them; returns the rows' sizes."""
    values = [each.row() for each in attempts]
    with engine.begin() as connection:
        connection.execute(verdicts.insert(), values)
    return [int(str(value["size"])) for value in values]


def aged(*hours: float) -> list[Attempt]:
    return [attempt(f"{age} h", created_at=time() - 3600 * age) for age in hours]


def kept(location: str) -> list[str]:
    return [row.request.partition('"text":"')[2].partition('"')[0] for row in rows(location)]


def test_by_age(engine: Engine, location: str) -> None:
    sizes = fill(engine, aged(100, 50, 20, 1, 60))
    assert prune(engine, Retention(max_age_s=30 * 3600)) == Pruned(
        3, sizes[0] + sizes[1] + sizes[4]
    )
    assert kept(location) == ["20 h", "1 h"]
    engine.dispose()


@pytest.mark.parametrize("spare", [0, 1, 200])
def test_by_size_the_newest_stay(engine: Engine, location: str, spare: int) -> None:
    sizes = fill(engine, aged(5, 4, 3, 2, 1))
    bound = sizes[-1] + sizes[-2] + spare
    assert prune(engine, Retention(max_bytes=bound)).rows == 3
    assert kept(location) == ["2 h", "1 h"]
    assert prune(engine, Retention(max_bytes=bound)) == Pruned(0, 0)
    assert prune(engine, Retention(max_bytes=bound - spare - 1)).rows == 1
    assert prune(engine, Retention(max_bytes=0)).rows == 1
    engine.dispose()


def test_by_both(engine: Engine, location: str) -> None:
    # The last one is the oldest, as after the clock was set back: what goes by age makes room.
    sizes = fill(engine, aged(5, 4, 3, 100))
    assert prune(engine, Retention(3600 * 50, sizes[1] + sizes[2])).rows == 2
    assert kept(location) == ["4 h", "3 h"]
    engine.dispose()


def test_no_bound_keeps_all(engine: Engine, location: str) -> None:
    fill(engine, aged(1e5))
    assert not Retention().is_bounded
    assert prune(engine, Retention()) == Pruned(0, 0)
    engine.dispose()


def test_dry_run_only_tells(engine: Engine, location: str) -> None:
    sizes = fill(engine, aged(100, 1))
    assert prune(engine, Retention(max_age_s=3600 * 2), dry_run=True) == Pruned(1, sizes[0])
    assert len(rows(location)) == 2
    engine.dispose()


def test_more_than_one_transaction_takes(engine: Engine, location: str) -> None:
    fill(engine, aged(*range(2500, 0, -1)))
    assert prune(engine, Retention(max_age_s=3600 * 100.5)).rows == 2400
    assert len(rows(location)) == 100
    engine.dispose()


def test_a_file_becomes_smaller_and_sizes_tell_how_large_it_is(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "v.db")

    def file_bytes() -> int:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return (tmp_path / "v.db").stat().st_size

    fill(engine, aged(*range(2000)))
    full = file_bytes()
    assert read_stats(engine).total.size == pytest.approx(full, rel=0.3)
    prune(engine, Retention(max_bytes=full // 10))
    assert file_bytes() < full / 5
    engine.dispose()


@pytest.mark.parametrize("bounds", [(-1.0, None), (None, -1)])
def test_bounds_are_not_negative(bounds: tuple[float | None, int | None]) -> None:
    with pytest.raises(ValueError, match="is at least 0"):
        Retention(*bounds)
