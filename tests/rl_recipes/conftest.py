"""A reward server with the one fake, its engine; all else is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reward.server import create_app
from tests.reward.harness import LiveServer
from tests.rl_recipes.engine import comparing_judge


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """Its judge gives the scores that candidates name: ``score=7``; others stay unjudged."""
    judge = comparing_judge(tmp_path / "judge")
    found = LiveServer(lambda: create_app(judge))
    found.start()
    yield found
    found.stop()
