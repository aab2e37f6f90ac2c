from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from judge import Completion, Decoding, Prompt, Usage
from reward.server.metrics import Metrics, Now
from tests.reward.harness import TestEngine, eventually
from tests.reward.server.asking import body, client, reasons
from tests.reward.server.conftest import Serve
from tests.reward.server.engines import MortalEngine


class Counting(TestEngine):
    """Says that it has read 100 tokens, 60 of them from its cache."""

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        done = await super().generate(prompt, decoding)
        return Completion(done.text, done.finish, Usage(100, 20, 60))


async def read(http: httpx.AsyncClient) -> Callable[..., float]:
    """The value of a sample, by its name and labels; 0 where it is not there."""
    response = await http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [
        sample
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    ]

    def value(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    return value


async def test_samples_are_counted_by_what_came_of_them(serve: Serve) -> None:
    async with client(serve(Counting()).url) as http:
        await reasons(http, "score=10", "score=1", "garble", "score=99", "fail")
        value = await read(http)
    assert value("flexreward_samples_total") == 5
    assert value("flexreward_unjudged_total", reason="out_of_scale") == 1
    assert value("flexreward_unjudged_total", reason="engine_error") == 1
    assert value("flexreward_unjudged_total") == 3
    assert value("flexreward_reward_count", rubric="captioning") == 2
    assert value("flexreward_reward_sum") == 1
    assert value("flexreward_reward_bucket", le="0.0") == 1
    assert value("flexreward_queue_seconds_count") == 5
    assert value("flexreward_judge_seconds_count") == 5
    assert value("flexreward_cache_hits_total") == 0


async def test_tokens_are_counted(serve: Serve) -> None:
    async with client(serve(Counting()).url) as http:
        await reasons(http, "score=10", "score=1")
        value = await read(http)
    counted = {kind: value("flexreward_tokens_total", kind=kind) for kind in ("prompt", "cached")}
    assert counted == {"prompt": 200, "cached": 120}
    assert value("flexreward_tokens_total", kind="completion") == 40


async def test_groups_without_variance_are_counted(serve: Serve) -> None:
    """A group is the judged samples of a request that have one prompt."""
    ask = body(*["score=3"] * 3, *["score=3", "score=4"], "score=5", "score=6", "garble")
    prompts = ["same"] * 3 + ["differ"] * 2 + ["alone"] + ["half"] * 2
    for sample, prompt in zip(ask["samples"], prompts, strict=True):
        sample["prompt"] = prompt
    async with client(serve(TestEngine()).url) as http:
        await http.post("/v1/rewards", json=ask)
        value = await read(http)
    assert value("flexreward_groups_total") == 2
    assert value("flexreward_zero_variance_groups_total") == 1


async def test_requests_are_counted_by_route_and_status(serve: Serve) -> None:
    async with client(serve(TestEngine()).url) as http:
        await reasons(http, "score=10")
        await http.post("/v1/rewards", json={})
        for digit in "ab":
            await http.put(f"/v1/media/{digit}", content=b"x")
        await http.get(f"/no/such/{'x' * 50}")
        value = await read(http)
    requests = "flexreward_http_requests_total"
    assert value(requests, method="POST", route="/v1/rewards", status="200") == 1
    assert value(requests, route="/v1/rewards", status="422") == 1
    assert value(requests, method="PUT", route="/v1/media/{sha256}", status="422") == 2
    assert value(requests, route="unmatched", status="404") == 1
    assert value("flexreward_http_request_seconds_count", route="/v1/rewards") == 2


async def test_the_queue_and_the_engine_are_seen_as_they_are(serve: Serve) -> None:
    server = serve(MortalEngine(), judged_at_once=1)
    async with client(server.url) as http, client(server.url) as leaving:
        await reasons(http, "die")
        await eventually(lambda: server.service.state == "ready")
        held = asyncio.create_task(leaving.post("/v1/rewards", json=body("hang", "hang", "hang")))
        await eventually(lambda: server.service.queue.waiting == 2)
        value = await read(http)
        held.cancel()
    assert value("flexreward_ready") == 1
    assert value("flexreward_engine_restarts_total") == 1
    assert value("flexreward_queue_samples") == 2
    assert value("flexreward_in_flight_samples") == 1


def test_what_is_so_now_is_asked_for_at_each_scrape() -> None:
    waiting = 0

    def now() -> Now:
        return Now(waiting, in_flight=2, ready=False, restarts=3, drift=0.5, drifted=1)

    metrics = Metrics(now)
    assert b"flexreward_queue_samples 0.0" in metrics.text()
    waiting = 9
    text = metrics.text()
    assert b"flexreward_queue_samples 9.0" in text
    assert b"flexreward_in_flight_samples 2.0" in text
    assert b"flexreward_ready 0.0" in text


def test_the_process_is_seen_too() -> None:
    """By the registry that vLLM, in the same process, puts its own metrics in."""
    metrics = Metrics(lambda: Now(0, 0, ready=True, restarts=0, drift=0, drifted=0))
    assert b"process_resident_memory_bytes" in metrics.text()
