"""Servers on real sockets, each with an engine and settings of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from judge.engines import ScriptedEngine
from reward.server import ServerConfig, create_app
from tests.reward.harness import LiveServer, make_judge


class Serve(Protocol):
    def __call__(self, engine: ScriptedEngine, **settings: Any) -> LiveServer: ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server that is stopped behind the test."""
    servers = []

    def start(engine: ScriptedEngine, **settings: Any) -> LiveServer:
        config = ServerConfig(**{"restart_pause_s": 0.01, **settings})
        judge = make_judge(tmp_path / "judge", engine)
        server = LiveServer(lambda: create_app(judge, config))
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
