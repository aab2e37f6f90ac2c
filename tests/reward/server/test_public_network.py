from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from reward.server.public_network import NotPublicError, PublicNetwork, is_public

Resolve = Callable[..., list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What each name resolves to, look-up by look-up; other names are resolved as ever."""
    answers: dict[str, list[list[str]]] = {}
    real = asyncio.BaseEventLoop.getaddrinfo

    async def resolve(loop: Any, host: Any, port: int, **options: Any) -> Any:
        if host not in answers:
            return await real(loop, host, port, **options)
        found = answers[host].pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    return answers


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of a server on loopback that says which of its addresses was asked."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(writer.get_extra_info("sockname")[0].encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00::1"])
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",  # metadata of most clouds
        "100.64.0.1",  # CGNAT
        "100.100.100.200",  # metadata of one cloud
        "168.63.129.16",  # Azure's platform
        "192.0.0.192",  # metadata of one cloud
        "192.88.99.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",  # Teredo
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata of one cloud
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0"],
)
async def test_a_host_is_what_it_resolves_to(host: str, port: int) -> None:
    with pytest.raises(NotPublicError, match="not on the public Internet"):
        await PublicNetwork().connect_tcp(host, port)


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["::1"]]
)
async def test_one_address_that_is_not_public_is_enough(
    found: list[str], names: dict[str, list[list[str]]]
) -> None:
    names["pictures.test"] = [found]
    with pytest.raises(NotPublicError):
        await PublicNetwork().connect_tcp("pictures.test", 80)


async def test_a_name_is_looked_up_once_so_that_it_cannot_move(
    names: dict[str, list[list[str]]], port: int
) -> None:
    names["pictures.test"] = [["127.0.0.2"], ["127.0.0.1"]]
    with pytest.raises(NotPublicError):
        await PublicNetwork().connect_tcp("pictures.test", port)
    assert names["pictures.test"] == [["127.0.0.1"]]
    stream = await PublicNetwork(["pictures.test"]).connect_tcp("pictures.test", port)
    assert names["pictures.test"] == []
    assert await stream.read(100) == b"127.0.0.1"
    await stream.aclose()


async def test_the_next_address_is_tried(names: dict[str, list[list[str]]], port: int) -> None:
    names["pictures.test"] = [["127.0.0.2", "127.0.0.1"]]
    stream = await PublicNetwork(["pictures.test"]).connect_tcp("pictures.test", port)
    assert await stream.read(100) == b"127.0.0.1"
    await stream.aclose()


@pytest.mark.parametrize("found", [[], ["127.0.0.2"]])
async def test_there_may_be_no_way(
    found: list[str], names: dict[str, list[list[str]]], port: int
) -> None:
    names["pictures.test"] = [found]
    with pytest.raises(httpcore.ConnectError):
        await PublicNetwork(["pictures.test"]).connect_tcp("pictures.test", port)


async def test_a_name_that_is_none() -> None:
    with pytest.raises(httpcore.ConnectError, match="cannot be resolved"):
        await PublicNetwork().connect_tcp("x" * 70, 80)
