"""Servers and databases that the tests break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.servers import ServerProcess
from tests.reward.store.conftest import location, postgres, postgres_server

__all__ = ["location", "postgres", "postgres_server"]


class Start(Protocol):
    def __call__(
        self, *flags: str, delay: float = 0.0, log: Path | None = None
    ) -> ServerProcess: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, which are stopped behind the test."""
    servers: list[ServerProcess] = []

    def starting(*flags: str, delay: float = 0.0, log: Path | None = None) -> ServerProcess:
        folder = tmp_path / f"server{len(servers)}"
        server = ServerProcess(folder, *flags, delay=delay, log=log)
        servers.append(server)
        server.start()
        return server

    yield starting
    for server in servers:
        server.stop()
