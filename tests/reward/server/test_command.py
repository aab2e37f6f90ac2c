"""The server as a process of its own: `flex-reward serve` with the tests' engine for vLLM."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from reward.server.keys import add_key
from tests.reward.certificates import write_certificate
from tests.reward.server.asking import body, client, reasons, state

ROOT = Path(__file__).parents[3]

SERVE = textwrap.dedent("""
    import pathlib, sys
    import judge
    from reward.cli import main
    from tests.reward.harness import make_judge
    from tests.reward.server.engines import MortalEngine

    def load(name, *, decoding, **options):
        return make_judge(pathlib.Path({folder!r}), MortalEngine(delay={delay}))

    judge.Judge.from_folder = load
    sys.exit(main(["serve", "--port", "0", *sys.argv[1:]]))
""")


@dataclass(frozen=True)
class Server:
    """A process and its address; its log lines are in the file."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def signal(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server whose replies take ``delay`` seconds; it is killed behind the test."""
    servers = []

    def starting(*flags: str, delay: float = 0.0) -> Server:
        code = SERVE.format(folder=str(tmp_path / "judge"), delay=delay)
        log = tmp_path / "log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *flags],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        servers.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        ready = re.search(r"ready at (https?://\S+)", process.stdout.readline())
        assert ready, log.read_text()
        return Server(process, ready[1], log)

    yield starting
    for process in servers:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def under_way(url: str, count: int) -> None:
    """Waits until so many samples are being judged."""
    async with asyncio.timeout(60), client(url) as http:
        gauge = f"flexreward_in_flight_samples {count}.0"
        while gauge not in (await http.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def becomes(url: str, expected: str) -> None:
    async with asyncio.timeout(60), client(url) as http:
        while await state(http) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def ended(server: Server, timeout_s: float = 60) -> int:
    return await asyncio.to_thread(server.process.wait, timeout_s)


async def test_sigterm_lets_what_is_under_way_end(start: Callable[..., Server]) -> None:
    server = start(delay=3.0)
    async with client(server.url) as http, client(server.url) as other:
        asked = asyncio.create_task(reasons(http, "score=10", "score=1"))
        await under_way(server.url, 2)
        server.signal()
        await becomes(server.url, "draining")
        refused = await other.post("/v1/rewards", json=body("score=10"))
        assert (refused.status_code, refused.json()["state"]) == (503, "draining")
        assert int(refused.headers["retry-after"]) > 0
        assert (await other.get("/health")).status_code == 200
        assert await asked == [None, None]
    assert await ended(server) == 0


async def test_keys_and_encryption(start: Callable[..., Server], tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.txt", "run-7")
    certificate = write_certificate(tmp_path / "server.pem")
    server = start(
        *("--keys-file", str(tmp_path / "keys.txt")), *("--tls-cert-file", str(certificate))
    )
    assert server.url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=certificate)
    async with httpx.AsyncClient(base_url=server.url, verify=trust, trust_env=False) as http:
        assert (await http.get("/ready")).status_code == 401
        http.headers["authorization"] = f"Bearer {key}"
        assert (await http.get("/ready")).status_code == 200
    server.signal()
    assert await ended(server) == 0
    assert key not in server.log.read_text()


async def test_what_does_not_end_in_time_is_unjudged(start: Callable[..., Server]) -> None:
    server = start("--drain-s", "1")
    async with client(server.url) as http:
        asked = asyncio.create_task(reasons(http, "hang", "score=10"))
        await under_way(server.url, 1)
        server.signal()
        assert await asked == ["server_error", None]
    assert await ended(server) == 0


async def test_a_server_with_nothing_to_do_ends_at_once(start: Callable[..., Server]) -> None:
    server = start("--drain-s", "600")
    server.signal()
    assert await ended(server) == 0


async def test_a_second_signal_waits_for_nothing(start: Callable[..., Server]) -> None:
    server = start("--drain-s", "600")
    async with client(server.url) as http:
        asked = asyncio.create_task(http.post("/v1/rewards", json=body("hang")))
        await under_way(server.url, 1)
        server.signal()
        await becomes(server.url, "draining")
        server.signal()
        assert await ended(server) == 0
        await asyncio.gather(asked, return_exceptions=True)


async def test_a_dead_engine_is_restarted_and_told_of(start: Callable[..., Server]) -> None:
    server = start("--restart-pause-s", "0.1", "--log-format", "json")
    async with client(server.url) as http:
        assert await reasons(http, "die") == ["engine_error"]
        await becomes(server.url, "ready")
        assert await reasons(http, "score=10") == [None]
    server.signal()
    assert await ended(server) == 0
    entries = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert any("the engine died" in entry["message"] for entry in entries)
    assert any("the engine runs again" in entry["message"] for entry in entries)


async def test_an_engine_that_was_given_up_makes_the_status_1(
    start: Callable[..., Server],
) -> None:
    server = start("--max-restarts", "0")
    async with client(server.url) as http:
        await reasons(http, "die")
        await becomes(server.url, "dead")
    server.signal()
    assert await ended(server) == 1
