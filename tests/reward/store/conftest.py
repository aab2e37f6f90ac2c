"""Stores of both kinds; PostgreSQL is the real one, where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reward.store.postgres import Postgres, find_binaries


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    binaries = find_binaries()
    if binaries is None:
        missing = "PostgreSQL is not installed: no 'postgres' with an 'initdb' beside it"
        if "CI" in os.environ:  # where it is installed, and nobody would notice a skip
            pytest.fail(missing)
        pytest.skip(missing)
    server = Postgres(binaries)
    yield server
    server.close()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Postgres:
    """Running, whatever the test before did to it."""
    postgres_server.start()
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made."""
    if request.param == "sqlite":
        return str(tmp_path / "verdicts.db")
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()
