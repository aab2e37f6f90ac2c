"""The environment that the adapters read at each call."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reward.adapters.core import Asker, Settings
from tests.reward.harness import LiveServer

VARIABLES = ("URL", "RUBRIC", "DEADLINE_S", "UNJUDGED", "API_KEY", "CA_FILE")


@pytest.fixture(autouse=True)
async def closed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Closes the connections that adapters leave to a framework's event loop, here the test's."""
    askers = []
    make = Asker.__init__

    def noted(self: Asker, settings: Settings) -> None:
        make(self, settings)
        askers.append(self)

    monkeypatch.setattr(Asker, "__init__", noted)
    yield
    for each in askers:
        await each.aclose()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable of the adapters is set."""
    for name in VARIABLES:
        monkeypatch.delenv(f"FLEXREWARD_{name}", raising=False)
    return monkeypatch


@pytest.fixture
def served(environment: pytest.MonkeyPatch, live: LiveServer) -> pytest.MonkeyPatch:
    """A server, and variables that name it and a rubric, but nothing for the unjudged."""
    environment.setenv("FLEXREWARD_URL", live.url)
    environment.setenv("FLEXREWARD_RUBRIC", "captioning")
    return environment
