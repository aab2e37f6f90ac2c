"""Connections to the public Internet alone, whatever a name resolves to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore

_GLOBAL_UNICAST = ip_network("2000::/3")
# What Python's is_global lets through, some of it in newer versions no more.
_SPECIAL = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments; of one cloud, its metadata
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # of Azure's platform, seen from inside a machine
            "2002::/16",  # 6to4: an IPv4 address is in it
            "3fff::/20",  # documentation
        ),
    )
)


class NotPublicError(Exception):
    """A name that does not resolve to addresses of the public Internet only."""


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up once, checks all of its addresses, and connects to one that was checked.

    So no later look-up can give another address (DNS rebinding). Names and other spellings of an
    address (``2130706433``, ``0x7f.1``) are all judged by what the system's resolver makes of them.

    Args:
        private_hosts: may have any address.
    """

    def __init__(self, private_hosts: Iterable[str] = ()) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to that host.

        Raises:
            NotPublicError: one of its addresses is not public.
            httpcore.ConnectError, httpcore.ConnectTimeout: there is no way to it.
        """
        addresses = await _look_up(host, port)
        if host not in self._private_hosts and not all(map(is_public, addresses)):
            raise NotPublicError(f"{host!r} is not on the public Internet")
        failure: Exception = httpcore.ConnectError(f"{host!r} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether that is one machine on the public Internet.

    It is none where it is private, loopback, link-local, multicast, shared (CGNAT), reserved or for
    documentation, nor where an IPv6 address holds an IPv4 address (mapped, NAT64, 6to4, Teredo).
    Source: IANA's special-purpose address registries (RFC 6890).
    """
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


async def _look_up(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for IDNA
        raise httpcore.ConnectError(f"{host!r} cannot be resolved: {error}") from error
    return list(dict.fromkeys(ip_address(each[4][0]) for each in found))
