"""OpenTelemetry spans, sent to a collector; without an address they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from judge import MissingExtraError

Attributes = dict[str, str | int | float | bool]
"""Of a span; filled in while it lasts."""


class Tracer(Protocol):
    """Makes spans: one a request, and within it one a judgement."""

    def request(
        self, method: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[Attributes]:
        """The span of a request; a ``traceparent`` among its headers names the caller's span."""
        ...

    def judgement(self) -> AbstractContextManager[Attributes]:
        """The span of one sample in the judge, below that of its request."""
        ...

    def close(self) -> None:
        """Sends what is left."""
        ...


class NoTracer:
    """Makes no spans."""

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Attributes]:
        yield {}

    @contextmanager
    def judgement(self) -> Iterator[Attributes]:
        yield {}

    def close(self) -> None:
        return None


class OtlpTracer:
    """Sends spans by OTLP over HTTP.

    Args:
        endpoint: the collector's address for traces, e.g. ``http://127.0.0.1:4318/v1/traces``.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise MissingExtraError(error.name or "opentelemetry-sdk", "tracing") from error
        self._kind = trace.SpanKind
        # A provider of its own: the process may have another one, e.g. vLLM's.
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: "flex-reward"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("reward.server")

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Attributes]:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        caller = TraceContextTextMapPropagator().extract(headers)
        attributes: Attributes = {"http.request.method": method}
        with self._tracer.start_as_current_span(
            method, context=caller, kind=self._kind.SERVER
        ) as span:
            try:
                yield attributes
            finally:
                span.update_name(f"{method} {attributes.get('http.route', '')}".strip())
                span.set_attributes(attributes)

    @contextmanager
    def judgement(self) -> Iterator[Attributes]:
        attributes: Attributes = {}
        with self._tracer.start_as_current_span("judge") as span:
            try:
                yield attributes
            finally:
                span.set_attributes(attributes)

    def close(self) -> None:
        self._provider.shutdown()


def make_tracer(endpoint: str | None) -> Tracer:
    """One that sends to that address; one that does nothing where it is None.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    return NoTracer() if endpoint is None else OtlpTracer(endpoint)
