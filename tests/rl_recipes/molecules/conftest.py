"""A reward server whose judge is never wrong: the program that teaches the nano judges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judge import Judge
from reward.server import create_app
from tests.reward.harness import LiveServer


@pytest.fixture
def exact() -> Iterator[LiveServer]:
    judge = Judge.from_folder("nano-teacher", engine="nano-teacher", carelessness=0.0)
    server = LiveServer(lambda: create_app(judge))
    server.start()
    yield server
    server.stop()
