"""The environment that the adapters read at each call."""

from __future__ import annotations

import pytest

from tests.reward.harness import LiveServer

VARIABLES = ("URL", "RUBRIC", "DEADLINE_S", "UNJUDGED")


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
