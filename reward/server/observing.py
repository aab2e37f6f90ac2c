"""What is noted of every request: its id, a log line, its place in the metrics, its span."""

from __future__ import annotations

import logging
import re
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reward.server.logs import REQUEST_ID
from reward.server.metrics import Metrics
from reward.server.tracing import Tracer

logger = logging.getLogger(__name__)

_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
_PROBES = {"/health", "/ready", "/metrics"}
_SERVER_ERROR = 500


class ObserveRequests:
    """Takes ``x-request-id`` or makes one, answers with it, and notes what was answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        token = REQUEST_ID.set(request_id)
        status = _SERVER_ERROR
        start = perf_counter()

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            with self._tracer.request(scope["method"], headers) as attributes:
                try:
                    await self._app(scope, receive, with_id)
                finally:
                    attributes["http.route"] = _route(scope)
                    attributes["http.response.status_code"] = status
                    attributes["request.id"] = request_id
        finally:
            self._note(scope, status, perf_counter() - start)
            REQUEST_ID.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        self._metrics.answered(method, route, status, seconds)
        fields = {"method": method, "route": route, "status": status, "seconds": seconds}
        if "caller" in scope:  # the name of an API key
            fields["caller"] = scope["caller"]
        logger.log(
            logging.DEBUG if route in _PROBES else logging.INFO,
            "%s %s: %d in %.3f s",
            method,
            route,
            status,
            seconds,
            extra={"fields": fields},
        )


def _route(scope: Scope) -> str:
    """The path with names in place of values; what no route takes is all the same."""
    return getattr(scope.get("route"), "path", "unmatched")
