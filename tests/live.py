"""One real vLLM engine on the embedded judge for the whole test session, served over a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


@dataclass(frozen=True)
class LiveJudge:
    """The judge, its server's address, and a way to run coroutines on the engine's loop."""

    judge: Any
    url: str
    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = 240) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


def vllm_counter(name: str) -> float:
    """A counter of vLLM's own, summed over its labels: that of the engine started last here."""
    from prometheus_client import REGISTRY

    return sum(
        sample.value
        for metric in REGISTRY.collect()
        if metric.name == name
        for sample in metric.samples
        if sample.name == f"{name}_total"
    )


@pytest.fixture(scope="session")
def live() -> Iterator[LiveJudge]:
    """Starts once, on first use."""
    pytest.importorskip("vllm", reason="vLLM is not installed (make setup installs it)")
    import uvicorn

    from judge import Judge
    from reward.client import RewardClient
    from reward.server import create_app

    async def ready(url: str) -> None:
        async with RewardClient(url) as client:
            await client.wait_ready(240)

    judge = Judge.from_folder("nano", enforce_eager=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    loop = asyncio.new_event_loop()
    config = uvicorn.Config(create_app(judge), host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),))
    thread.start()
    try:
        url = f"http://127.0.0.1:{port}"
        while not server.started:
            assert thread.is_alive(), "the server ended while starting"
            time.sleep(0.05)
        found = LiveJudge(judge, url, loop)
        found.run(ready(url))
        yield found
    finally:
        server.should_exit = True
        thread.join(60)
        loop.close()
