"""Where the servers are, and what they are shown: addresses, a key, trust in certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reward.errors import RewardRequestError
from reward.wire import DEFAULT_URL

KEY_VARIABLE = "FLEXREWARD_API_KEY"
CA_VARIABLE = "FLEXREWARD_CA_FILE"

Verify = bool | str | Path | ssl.SSLContext
"""Trust the usual authorities (True), those in a file, those of a context; or anybody (False)."""


@dataclass(frozen=True, slots=True)
class Access:
    """What every request to a server is sent with."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    verify: bool | ssl.SSLContext = True


def read_access(api_key: str | None, verify: Verify | None) -> Access:
    """The arguments, and for those that are None what the environment says at this moment.

    Raises:
        RewardRequestError: a key that no header can hold, or no file of certificates.
    """
    key = (os.environ.get(KEY_VARIABLE) or None) if api_key is None else api_key
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise RewardRequestError(
            f"the API key (api_key= or {KEY_VARIABLE}) must be printable ASCII without spaces "
            "around it; it is not shown here"
        )
    if verify is None:
        verify = os.environ.get(CA_VARIABLE) or True
    if isinstance(verify, str | Path):
        verify = _authorities(verify)
    return Access({"authorization": f"Bearer {key}"} if key else {}, verify)


def read_addresses(url: str | Sequence[str]) -> tuple[str, ...]:
    """The servers' addresses: one, several separated by commas, or a list of them.

    Raises:
        RewardRequestError: none, or something that is not an http address.
    """
    texts = url.split(",") if isinstance(url, str) else url
    addresses = tuple(dict.fromkeys(text.strip().rstrip("/") for text in texts))
    for address in addresses or ("",):
        if not address.startswith(("http://", "https://")):
            raise RewardRequestError(
                f"{address!r} is not the address of a reward server: expected e.g. {DEFAULT_URL}, "
                "or several, separated by commas"
            )
    return addresses


def _authorities(file: str | Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl.SSLError is one
        raise RewardRequestError(
            f"no certificates to trust in {str(file)!r} (verify= or {CA_VARIABLE}): {error}; "
            "expected a PEM file"
        ) from error
