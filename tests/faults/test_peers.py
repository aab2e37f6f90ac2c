"""Clients that trickle, never read, or are gone without a word (slow loris, half-open sockets)."""

from __future__ import annotations

import asyncio
import ctypes
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reward import RewardClient
from tests.faults.asking import gauge, samples, under_way
from tests.faults.conftest import Start
from tests.faults.servers import ServerProcess

TIMEOUT_S = 2
_SO_ATTACH_FILTER = 26


@pytest.fixture
def server(start: Start) -> ServerProcess:
    return start("--client-timeout-s", str(TIMEOUT_S))


@pytest.fixture
def connect(server: ServerProcess) -> Iterator[Callable[..., socket.socket]]:
    """Makes connections, which are closed behind the test."""
    with ExitStack() as connections:

        def connecting(*, receive_bytes: int | None = None) -> socket.socket:
            connection = connections.enter_context(socket.socket())
            if receive_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.connect(("127.0.0.1", server.port))
            connection.setblocking(False)
            return connection

        yield connecting


def post(body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        "POST /v1/rewards HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def trickle(connection: socket.socket, data: bytes) -> bytes:
    """Sends a byte every tenth of a second; returns what comes until the server closes."""
    loop = asyncio.get_running_loop()

    async def send() -> None:
        for byte in data:
            await loop.sock_sendall(connection, bytes([byte]))
            await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    try:
        return await until_closed(connection)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection, which it has to."""
    loop = asyncio.get_running_loop()
    received = b""
    async with asyncio.timeout(30):
        try:
            while data := await loop.sock_recv(connection, 1 << 20):
                received += data
        except ConnectionResetError:
            pass
    return received


def connected(server: ServerProcess) -> int:
    """Connections that the kernel holds for the server."""
    rows = Path(f"/proc/{server.pid}/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    local_and_state = [(row.split()[1], row.split()[3]) for row in rows]
    established = "01"
    return sum(
        int(local.split(":")[1], 16) == server.port and state == established
        for local, state in local_and_state
    )


Connect = Callable[..., socket.socket]


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /v1/rewards HTTP/1.1\r\nX-Slow: " + b"x" * 1000],
    ids=["nothing", "a head that never ends"],
)
async def test_a_head_that_trickles(sent: bytes, connect: Connect) -> None:
    """The run sees: nothing. Who does not ask in time is disconnected."""
    assert await trickle(connect(), sent) == b""


async def test_a_second_head_that_trickles(server: ServerProcess, connect: Connect) -> None:
    """The run sees: nothing. A first request that was in order earns no patience."""
    connection = connect()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await trickle(connection, b"GET /health HTTP/1.1\r\nX-Slow: " + b"x" * 1000)
    assert answer.count(b"HTTP/1.1 200") == 1


async def test_a_head_without_end(server: ServerProcess, connect: Connect) -> None:
    """The run sees: nothing. A head is 64 KiB at most, however fast it comes."""
    connection = connect()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, b"GET /health HTTP/1.1\r\n")
    with pytest.raises(ConnectionError):
        await loop.sock_sendall(connection, b"X-Long: 1\r\n" * 10_000_000)
    assert server.resident_mib < 400


async def test_a_body_that_trickles(connect: Connect) -> None:
    """The run sees, on a network as bad as that: status 408, which its client tries again."""
    whole = post({"rubric": "captioning", "samples": samples(1)})
    connection = connect()
    await asyncio.get_running_loop().sock_sendall(connection, whole[:-50])
    answer = await trickle(connection, whole[-50:])
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not come whole within 2 s" in answer


async def test_hundreds_of_slow_connections(server: ServerProcess, connect: Connect) -> None:
    """The run sees: its rewards, at once."""
    slow = [connect() for _ in range(300)]
    loop = asyncio.get_running_loop()
    for connection in slow:
        await loop.sock_sendall(connection, b"POST /v1/rewards HTTP/1.1\r\n")
    async with RewardClient(server.url) as client, asyncio.timeout(30):
        rewards = await client.rewards(samples(32), rubric="captioning")
    assert all(each.value is not None for each in rewards)
    assert await asyncio.gather(*map(until_closed, slow)) == [b""] * 300


async def test_answers_that_are_never_read(server: ServerProcess, connect: Connect) -> None:
    """The run sees: nothing. Megabytes for one who reads none of them are thrown away."""
    connection = connect(receive_bytes=4096)
    large = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(connection, large * 500)
    async with asyncio.timeout(30):
        while connected(server) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while connected(server) != 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_work_for_a_machine_that_is_gone(server: ServerProcess, connect: Connect) -> None:
    """The run, started anew after its node vanished, sees: a judge that works for it alone. What
    the dead node had asked for is cancelled, and not judged until its deadline.
    """
    connection = connect()
    hanging = {"rubric": "captioning", "deadline_s": 600, "samples": samples(4, text="hang")}
    await asyncio.get_running_loop().sock_sendall(connection, post(hanging))
    await under_way(server, 4)
    vanish(connection)
    await gauge(server, "flexreward_in_flight_samples", 0)
    async with RewardClient(server.url) as client:
        rewards = await client.rewards(samples(4), rubric="captioning")
    assert all(each.value is not None for each in rewards)


def vanish(connection: socket.socket) -> None:
    """Takes a connection's end off the network: a packet filter throws away all that comes in, and
    nothing more goes out. As a machine that lost its power.
    """
    return_0 = struct.pack("HBBI", 0x06, 0, 0, 0)
    code = ctypes.create_string_buffer(return_0)
    program = struct.pack("HL", 1, ctypes.addressof(code))
    connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
