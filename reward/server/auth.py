"""Who may ask: those with a key, or else programs on this machine."""

from __future__ import annotations

import base64
import binascii
import logging
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from reward.errors import ServerConfigError
from reward.server.config import ServerConfig

logger = logging.getLogger(__name__)

_OPEN = frozenset({"/health"})
_SEND_ONE = (
    "send one as 'Authorization: Bearer KEY', or as the password in the address, "
    "http://key:KEY@host; `flex-reward keys add NAME` makes them"
)


class Keys(Protocol):
    """See :class:`~reward.server.keys.KeyFile`."""

    def name_of(self, key: str) -> str | None: ...


class RequireKey:
    """Answers 401 to requests without a known key, before their body is read.

    Only ``/health`` is open. The key comes as a bearer token (RFC 6750), or as the password of
    HTTP's basic authentication (RFC 7617), which clients make of ``http://name:KEY@host``. The
    key's name is left in the scope as ``"caller"``.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        key = _key(Headers(scope=scope).get("authorization", ""))
        name = None if key is None else self._keys.name_of(key)
        if name is None:
            detail = "no API key came" if key is None else "the API key is not one of this server's"
            response = JSONResponse(
                {"detail": f"{detail}: {_SEND_ONE}"}, 401, {"WWW-Authenticate": "Bearer"}
            )
            await response(scope, receive, send)
            return
        scope["caller"] = name
        await self._app(scope, receive, send)


class RefuseForeignPages:
    """Answers 403 to web pages of other sites, which a browser on this machine may have open.

    A server without keys trusts the programs of its machine; a page is none of them, yet its
    scripts reach loopback. Browsers name the page's site in the header ``Origin``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None or _is_local_page(origin):
            await self._app(scope, receive, send)
            return
        detail = f"pages of {origin[:80]!r} may not ask a server without API keys"
        await JSONResponse({"detail": detail}, 403)(scope, receive, send)


def check_exposure(config: ServerConfig) -> None:
    """Whether those who reach the address are known, or are all on this machine.

    Raises:
        ServerConfigError: other machines reach it, there are no keys, and nobody asked for that.
    """
    if is_loopback(config.host):
        return
    if config.keys_file is not None:
        if config.tls_cert_file is None:
            logger.warning("API keys cross the network unencrypted: there is no --tls-cert-file")
        return
    if not config.allow_anyone:
        raise ServerConfigError(
            f"other machines reach {config.host!r}, and anybody there could ask: make a key with "
            "`flex-reward keys add NAME --keys-file FILE` and serve with --keys-file FILE, or say "
            "--allow-anyone where the network lets only your own machines in"
        )
    logger.warning("anybody who reaches %s may ask: there are no API keys", config.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key(authorization: str) -> str | None:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            try:
                decoded = base64.b64decode(value.strip(), validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return None
            return decoded.partition(":")[2] or None
        case _:
            return None


def _is_local_page(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
