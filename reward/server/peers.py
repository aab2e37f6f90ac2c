"""Clients that trickle, never read or are gone without a word: none of them holds on to a server.

Uvicorn waits for the head of a first request, for a body and for an answer to be read as long as
the connection stands, which may be for ever.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_MAX_HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers, before its connection is closed."""


class BoundedHttp(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # which is for Uvicorn to say
    """Uvicorn's side of a connection, closed by what a client leaves undone.

    That is: the head of a request has not come whole ``client_timeout_s`` seconds after the
    connection was made, or after the head's first byte; what was sent is not acknowledged within
    that time, or cannot be sent as the client reads nothing; or the client's machine answers no
    probe of an idle connection (RFC 5482, RFC 9293 section 3.8.4). Work for a closed connection is
    cancelled.
    """

    client_timeout_s = 60.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._giving_up: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        # asyncio does so only for sockets that it made itself. Else an answer, which is sent in two
        # parts, waits 40 ms for the client's delayed acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_silence(connection, self.client_timeout_s)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_came()
            return
        self._await_head()
        if self.cycle is None or not self.cycle.more_body:  # else it is the body of a refused one
            self._head_bytes += len(data)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._head_came()
        super().connection_lost(error)

    def _await_head(self) -> None:
        if self._giving_up is None:
            self._giving_up = self.loop.call_later(self.client_timeout_s, self.transport.close)

    def _head_came(self) -> None:
        self._head_bytes = 0
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


def bounded_http(client_timeout_s: float) -> type[asyncio.Protocol]:
    """A :class:`BoundedHttp` of that bound, as Uvicorn's ``http``."""
    return type("BoundedHttp", (BoundedHttp,), {"client_timeout_s": client_timeout_s})


def _notice_silence(connection: socket.socket, seconds: float) -> None:
    """Has the kernel give the connection up, some time after ``seconds`` of it were in vain."""
    probe_s = max(1, int(seconds / 3))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, probe_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, probe_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class BodyDeadline:
    """Answers 408 to a request whose body has not come whole after so many seconds."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        is_whole = False

        async def timely() -> Message:
            nonlocal is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                detail = f"the body did not come whole within {self._seconds:g} s: send it again"
                raise HTTPException(408, detail, {"Connection": "close"}) from error
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, timely, send)
