from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reward.server.keys import add_key
from tests.reward.harness import TestEngine
from tests.reward.server.asking import body, client
from tests.reward.server.conftest import Serve

pytest.importorskip("opentelemetry.sdk", reason="the extra 'tracing' is not installed")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """An OpenTelemetry collector: takes spans by OTLP over HTTP and keeps them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"]))
                for resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def attributes(span: Span) -> dict[str, object]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value")))
        for each in span.attributes
    }


async def test_a_request_is_a_span_with_one_below_it_for_each_sample(
    serve: Serve, collector: Collector
) -> None:
    server = serve(TestEngine(), trace_endpoint=collector.url)
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "x-request-id": "r-1"}
    async with client(server.url) as http:
        asked = body("score=10", "garble")
        await http.post("/v1/rewards", json=asked, headers=headers)
    server.stop()  # sends what is left
    (request,) = (span for span in collector.spans if span.name == "POST /v1/rewards")
    judged = [span for span in collector.spans if span.name == "judge"]
    assert request.trace_id.hex() == TRACE
    assert request.parent_span_id.hex() == CALLER
    assert request.kind == Span.SPAN_KIND_SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/rewards",
        "http.response.status_code": 200,
        "request.id": "r-1",
    }
    assert {span.parent_span_id for span in judged} == {request.span_id}
    found = [attributes(span) for span in judged]
    assert sorted(str(each["unjudged"]) for each in found) == ["", "not_a_number"]
    assert {each["rubric"] for each in found} == {"captioning"}


async def test_without_a_caller_a_trace_begins_here(serve: Serve, collector: Collector) -> None:
    server = serve(TestEngine(), trace_endpoint=collector.url)
    async with client(server.url) as http:
        await http.get("/nowhere")
    server.stop()
    (span,) = collector.spans
    assert (span.name, span.parent_span_id) == ("GET unmatched", b"")


async def test_a_collector_that_is_away_costs_nothing(serve: Serve) -> None:
    server = serve(TestEngine(), trace_endpoint="http://127.0.0.1:9/v1/traces")
    async with client(server.url) as http:
        assert (await http.post("/v1/rewards", json=body("score=10"))).status_code == 200


async def test_spans_hold_no_keys(serve: Serve, collector: Collector, tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.txt", "run-7")
    server = serve(TestEngine(), trace_endpoint=collector.url, keys_file=tmp_path / "keys.txt")
    async with client(server.url) as http:
        for each in (key, "flexreward_wrong"):
            headers = {"authorization": f"Bearer {each}"}
            await http.post("/v1/rewards", json=body("score=10"), headers=headers)
    server.stop()  # sends what is left
    assert len(collector.spans) == 3
    assert not any("flexreward_" in str(span) for span in collector.spans)
