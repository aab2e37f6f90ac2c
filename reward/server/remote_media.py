"""Pictures fetched from the hosts that the server was told of, and from no others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from itertools import chain

import httpcore
import httpx

from judge.errors import MediaError
from reward.errors import ServerConfigError
from reward.server.public_network import NotPublicError, PublicNetwork

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAME = re.compile(rb"[\w.:-]+", re.ASCII)
_MOST_PORT = 65535
_MOST_REDIRECTS = 3
_HEADERS = ((b"Accept", b"image/*"), (b"Accept-Encoding", b"identity"))
_RETRIABLE = frozenset({408, 429})
_NETWORK_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_SERVER_ERROR = 500

Host = tuple[str, int]
"""A name or address, and a port."""


class FetchError(Exception):
    """A picture could not be fetched now; another time it may be."""


class RemotePictures:
    """Fetches pictures over HTTP, bounded in bytes, time and redirects.

    A host has to be named, as must each that a redirect leads to; see
    :class:`~reward.server.public_network.PublicNetwork` for the addresses that it may have. Proxies
    in the environment are not used, and no cookie or credential is sent.

    Args:
        hosts: ``name`` or ``name:port``; without a port it is 80 for http and 443 for https.
        private_hosts: the same, and these may have private addresses.
        max_bytes: of one picture.
        timeout_s: for one picture, redirects included.

    Raises:
        ServerConfigError: something is not a host.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        private_hosts: Sequence[str],
        *,
        max_bytes: int,
        timeout_s: float,
    ) -> None:
        private = frozenset(chain.from_iterable(map(read_hosts, private_hosts)))
        self._allowed = private.union(*map(read_hosts, hosts))
        self._private_names = frozenset(name for name, _ in private)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._trust = httpx.create_ssl_context()

    async def fetch(self, address: str) -> bytes:
        """The file at an http or https address.

        Raises:
            MediaError: the address is not one to fetch from, or what is there is no picture or too
                large.
            FetchError: no answer in time, or the host is in trouble.
        """
        url = self._checked(address)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url)
        except TimeoutError as error:
            raise FetchError(
                f"{url.host!r} did not send the picture within {self._timeout_s:g} s"
            ) from error
        except NotPublicError as error:
            raise MediaError(f"{error}: pictures are not fetched from there") from error
        except _NETWORK_ERRORS as error:
            raise FetchError(f"no picture came from {url.host!r}: {error}") from error

    async def _follow(self, url: httpx.URL) -> bytes:
        # A connection is good for one picture alone: none is kept for one of another name.
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._trust,
            network_backend=PublicNetwork(self._private_names),
            max_keepalive_connections=0,
        ) as connections:
            for _ in range(_MOST_REDIRECTS + 1):
                answer = await self._ask(connections, url)
                if isinstance(answer, bytes):
                    return answer
                url = answer
        raise MediaError(f"more than {_MOST_REDIRECTS} redirects lead to the picture")

    async def _ask(
        self, connections: httpcore.AsyncConnectionPool, url: httpx.URL
    ) -> bytes | httpx.URL:
        """The picture, or where it is instead."""
        name, port = _host(url)
        target = httpcore.URL(scheme=url.raw_scheme, host=name, port=port, target=url.raw_path)
        headers = [(b"Host", url.netloc), *_HEADERS]
        # Of several addresses, the first may not take all the time.
        options = {"timeout": {"connect": self._timeout_s / 3}}
        async with connections.stream(
            "GET", target, headers=headers, extensions=options
        ) as response:
            received = httpx.Headers(response.headers)
            if response.status in _REDIRECTS and "location" in received:
                return self._checked(received["location"], url)
            _check(response.status, received, url.host, self._max_bytes)
            data = bytearray()
            async for chunk in response.aiter_stream():
                data += chunk
                if len(data) > self._max_bytes:
                    raise MediaError(_too_large(url.host, self._max_bytes))
            return bytes(data)

    def _checked(self, address: str, base: httpx.URL | None = None) -> httpx.URL:
        """The address, relative to that of a redirect.

        Raises:
            MediaError: nothing is fetched from there.
        """
        try:
            url = httpx.URL(address) if base is None else base.join(address)
        except (httpx.InvalidURL, ValueError) as error:
            raise MediaError(f"{address[:80]!r} is no address: {error}") from error
        if url.scheme not in _PORTS or url.userinfo:
            raise MediaError(
                f"{address[:80]!r} is not an address that pictures are fetched from: expected "
                "http or https, with no name or password in it"
            )
        if _host(url) not in self._allowed:
            raise MediaError(
                f"pictures are not fetched from {url.netloc.decode()[:80]!r}: this server has to "
                "be told of it by --image-host"
            )
        return url


def read_hosts(text: str) -> frozenset[Host]:
    """A host as addresses have it, in lower case and with IDNA applied.

    Without a port, that of http and that of https.

    Raises:
        ServerConfigError: it is none.
    """
    try:
        url = httpx.URL(f"any://{text}")
        is_host = (
            bool(_NAME.fullmatch(url.raw_host))
            and str(url) == f"any://{url.netloc.decode()}"
            and (url.port or 0) <= _MOST_PORT
        )
    except (httpx.InvalidURL, ValueError):
        is_host = False
    if not is_host:
        raise ServerConfigError(
            f"{text!r} is no host to fetch pictures from: expected a name such as "
            "images.example.com, or with a port images.example.com:8080"
        )
    ports = _PORTS.values() if url.port is None else (url.port,)
    return frozenset((url.raw_host.decode(), port) for port in ports)


def _host(url: httpx.URL) -> Host:
    return url.raw_host.decode(), url.port or _PORTS[url.scheme]


def _check(status: int, headers: httpx.Headers, host: str, max_bytes: int) -> None:
    """Raises where an answer is not a picture, as far as its head tells."""
    if status >= _SERVER_ERROR or status in _RETRIABLE:
        raise FetchError(f"{host!r} answered with status {status}")
    if status != httpx.codes.OK:
        raise MediaError(f"no picture is there: {host!r} answered with status {status}")
    kind = headers.get("content-type", "nothing")
    if not kind.lower().startswith("image/"):
        raise MediaError(f"{host!r} sent {kind[:80]!r}, expected a picture")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaError(f"{host!r} sent the picture compressed, which was not asked for")
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > max_bytes:
        raise MediaError(_too_large(host, max_bytes))


def _too_large(host: str, max_bytes: int) -> str:
    return f"{host!r} sent a picture over the limit of {max_bytes} bytes"
