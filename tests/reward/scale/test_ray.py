"""Two replicas by Ray Serve on this machine; one is killed in the middle of a call."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed (the extra 'scale')")

from reward import RewardClient
from tests.reward.harness import picture

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two replicas of a judge that tells which process judged."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray import serve

    from reward.scale.app import build
    from reward.server.config import ServerConfig
    from tests.reward.scale.judges import telling_judge

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100 * 1024**2,
        log_to_driver=False,
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        config = ServerConfig(engine_args={"folder": str(tmp_path)})
        options = {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}}
        serve.run(build(config, options, make_judge=telling_judge))
        yield f"http://127.0.0.1:{port}"
        serve.shutdown()
    finally:
        ray.shutdown()


def groups(count: int) -> list[dict[str, Any]]:
    images = [picture(size=8 + number) for number in range(count)]
    return [
        {"prompt": "Rate this.", "completion": f"score={score}", "image": image}
        for image in images
        for score in (1, 10)
    ]


async def test_a_killed_replica_costs_nothing_and_is_replaced(url: str) -> None:
    async with RewardClient(url) as client:
        await client.wait_ready(120)
        rewards = await client.rewards(groups(16), rubric="captioning", rationale=True)
        assert [reward.value for reward in rewards] == [0.0, 1.0] * 16
        processes = [reward.rationale for reward in rewards]
        assert processes[::2] == processes[1::2]
        assert len(set(processes)) == 2

        call = asyncio.create_task(client.rewards(groups(16), rubric="captioning", deadline_s=120))
        await asyncio.sleep(0.1)
        os.kill(int(processes[0]), signal.SIGKILL)
        assert [reward.value for reward in await call] == [0.0, 1.0] * 16

        async with asyncio.timeout(300):
            while True:
                rewards = await client.rewards(groups(16), rubric="captioning", rationale=True)
                assert [reward.value for reward in rewards] == [0.0, 1.0] * 16
                after = {reward.rationale for reward in rewards}
                if len(after) == 2:
                    break
                await asyncio.sleep(1)
        assert processes[0] not in after
