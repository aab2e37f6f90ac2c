"""Ten thousand samples at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from reward import RewardClient
from tests.faults.asking import samples
from tests.faults.conftest import Start

CLIENTS = 40
EACH = 250


@pytest.mark.slow
async def test_ten_thousand_queued(start: Start) -> None:
    """The run sees: calls that take longer. What finds the queue full is refused (429) with the
    time to come again, does so, and is judged: every reward comes, none twice, and the server's
    memory stays bounded.
    """
    server = start("--judged-at-once", "64", "--queue-samples", "1000", delay=0.05)
    clients = [RewardClient(server.url) for _ in range(CLIENTS)]
    asked = [samples(EACH, f"client{number}") for number in range(CLIENTS)]
    before = server.resident_mib
    calls = [
        asyncio.create_task(client.rewards(each, rubric="captioning", deadline_s=250))
        for client, each in zip(clients, asked, strict=True)
    ]
    peak = before
    refused = httpx.Response(200)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        while not all(call.done() for call in calls):
            body = {"rubric": "captioning", "samples": samples(500, "refused"), "deadline_s": 0.01}
            answer = await http.post("/v1/rewards", json=body, timeout=60)
            refused = answer if answer.status_code == 429 else refused
            peak = max(peak, server.resident_mib)
            await asyncio.sleep(0.2)
    rewards = [reward for call in calls for reward in call.result()]
    await asyncio.gather(*(client.aclose() for client in clients))
    assert len(rewards) == CLIENTS * EACH
    assert all(reward.value is not None for reward in rewards)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    of_clients = {id_: times for id_, times in server.judged.items() if "client" in id_}
    assert len(of_clients) == CLIENTS * EACH
    assert set(of_clients.values()) == {1}
    assert peak - before < 150
