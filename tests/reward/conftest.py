"""One fake, the engine; judge, application, sockets and client are the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from judge import Judge
from reward.server import create_app
from tests.reward.harness import LiveServer, TestEngine, make_judge, serving


@pytest.fixture
def engine() -> TestEngine:
    return TestEngine()


@pytest.fixture
def judge(tmp_path: Path, engine: TestEngine) -> Judge:
    return make_judge(tmp_path / "judge", engine)


@pytest.fixture
async def http(judge: Judge) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(judge)) as http:
        yield http


@pytest.fixture
def live(judge: Judge) -> Iterator[LiveServer]:
    """A server; stopped and started again it has forgotten its pictures."""
    server = LiveServer(lambda: create_app(judge))
    server.start()
    yield server
    server.stop()
