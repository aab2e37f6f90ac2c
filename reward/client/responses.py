"""HTTP answers: which are to be tried again, and what they complain of."""

from __future__ import annotations

from typing import Any

import httpx

_RETRIED = frozenset({408, 429, 502, 503, 504})


class TroubleError(Exception):
    """No answer, or one that says "not now": to be tried again, there or elsewhere, in
    ``retry_after_s`` seconds at the earliest.
    """

    def __init__(self, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class UnavailableError(Exception):
    """No usable answer, and trying on would be of no use, or pass the deadline."""


def check_available(response: httpx.Response) -> None:
    """Raises TroubleError where the answer is "not now" (408, 429, 502, 503, 504)."""
    if response.status_code in _RETRIED:
        raise TroubleError(problem(response), _retry_after_s(response))


def json_body(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer; empty where it holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def problem(response: httpx.Response) -> str:
    """What an answer complains of."""
    detail = json_body(response).get("detail") or response.text
    return f"HTTP {response.status_code}: {str(detail)[:500]}"


def describe(error: httpx.TransportError) -> str:
    """The error by its class: httpx leaves the text of many empty."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:  # the other form, a date: the own backoff will do
        return 0.0
