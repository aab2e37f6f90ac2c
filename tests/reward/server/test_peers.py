"""What a connection is set to; what its limits do is in tests/faults/test_peers.py."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import uvicorn

from reward.server.peers import bounded_http


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"yes"})


async def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    bounded: Any = bounded_http(5.0)
    delays: list[int] = []

    class Watched(bounded):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            connection = transport.get_extra_info("socket")
            delays.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    # A socket that was made elsewhere, as by systemd, does not say which protocol it is of.
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(answer, http=Watched, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        port = listening.getsockname()[1]
        while not server.started:  # noqa: ASYNC110 - uvicorn tells of it in no other way
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient() as client:
            response = await client.get(f"http://127.0.0.1:{port}/")
        server.should_exit = True
        await serving
    assert response.text == "yes"
    assert delays == [1]
