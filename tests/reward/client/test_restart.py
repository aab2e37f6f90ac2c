"""Servers killed in the middle of a call: nothing is lost, and nothing judged twice."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reward import RewardClient
from tests.reward.harness import picture

ROOT = Path(__file__).parents[3]
QUICK = [f"score=10 sample-quick{number}" for number in range(4)]
SLOW = [f"score=1 sample-slow{number}" for number in range(4)]
ROWS = [
    {"prompt": "Rate this.", "completion": text, "image": picture(size=8 + number % 4)}
    for number, text in enumerate((*QUICK, *SLOW))
]
VALUES = [1.0] * len(QUICK) + [0.0] * len(SLOW)


@dataclass
class Served:
    """A server process on a port of its own, and on a store that several may share."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.reward.client.journal_engine", str(self.folder)),
                *("serve", "--port", str(self.port), "--store", str(self.folder / "verdicts.db")),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def journal(self) -> Counter[str]:
        path = self.folder / "journal"
        return Counter(path.read_text().splitlines() if path.exists() else [])

    def stored(self) -> Counter[str]:
        """How often each key was judged, of what is written down."""
        path = self.folder / "verdicts.db"
        if not path.exists():
            return Counter()
        with closing(sqlite3.connect(path)) as connection:
            return Counter(
                key for (key,) in connection.execute("SELECT key FROM flexreward_verdicts")
            )


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    servers: list[Served] = []

    def serving() -> Served:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            servers.append(Served(tmp_path, free.getsockname()[1]))
        servers[-1].start()
        return servers[-1]

    yield serving
    for server in servers:
        server.kill()


async def half_done(server: Served) -> None:
    """What is quick is stored, what is slow under way."""
    async with asyncio.timeout(60):
        while len(server.stored()) < len(QUICK) or server.journal().total() < 12:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def check_judged_once(server: Served, *, begun: int) -> None:
    """What was judged was judged once; what was under way at the kill was ``begun`` again."""
    journal = server.journal()
    for text in QUICK:
        assert journal[f"begun {text.split()[1]}"] == 1
    for text in SLOW:
        name = text.split()[1]
        assert (journal[f"begun {name}"], journal[f"ended {name}"]) == (begun, 1)
    assert set(server.stored().values()) == {1}


async def test_a_server_killed_and_restarted_in_the_middle_of_a_call(
    serve: Callable[[], Served],
) -> None:
    server = serve()
    async with RewardClient(server.url) as client:
        await client.wait_ready(120)
        call = asyncio.create_task(client.rewards(ROWS, rubric="captioning", deadline_s=120))
        await half_done(server)
        server.kill()
        server.start()
        assert [reward.value for reward in await call] == VALUES
        check_judged_once(server, begun=2)
        again = await client.rewards(ROWS, rubric="captioning", deadline_s=60)
        assert [reward.value for reward in again] == VALUES
    check_judged_once(server, begun=2)


async def test_another_server_takes_over(serve: Callable[[], Served]) -> None:
    """Both share a store, so that what was judged is not judged again."""
    first, second = serve(), serve()
    async with RewardClient([first.url, second.url]) as client:
        for server in (first, second):
            async with RewardClient(server.url) as other:
                await other.wait_ready(120)
        call = asyncio.create_task(client.rewards(ROWS, rubric="captioning", deadline_s=120))
        await half_done(first)
        first.kill()
        assert [reward.value for reward in await call] == VALUES
    journal = first.journal()
    assert all(journal[f"begun {text.split()[1]}"] == 1 for text in QUICK)
    assert all(journal[f"ended {text.split()[1]}"] == 1 for text in SLOW)
    assert set(first.stored().values()) == {1}
