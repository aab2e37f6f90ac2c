"""Trying again: which failures, how long to wait, when to give up."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

logger = logging.getLogger(__name__)

_RETRIED = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class UnavailableError(Exception):
    """The server gave no usable answer, and trying on would pass the deadline."""


async def retrying(
    send: Callable[[], Awaitable[httpx.Response]], deadline: float
) -> httpx.Response:
    """The first answer whose status is not one to be retried (429, 502, 503, 504).

    Args:
        send: one attempt; connection errors are retried, too.
        deadline: on the event loop's clock, in seconds.

    Raises:
        UnavailableError: there is no such answer before the deadline.
    """
    for attempt in itertools.count():
        pause = backoff(attempt)
        try:
            response = await send()
            if response.status_code not in _RETRIED:
                return response
            trouble = problem(response)
            pause = max(pause, _retry_after_s(response))
        except httpx.TransportError as error:
            trouble = describe(error)
        if asyncio.get_running_loop().time() + pause >= deadline:
            break
        logger.info("%s; trying again in %.1f s", trouble, pause)
        await asyncio.sleep(pause)
    raise UnavailableError(f"{trouble} (tried {attempt + 1} times)")


def backoff(attempt: int) -> float:
    """Seconds to wait after that many attempts; the jitter keeps ranks from coming all at once."""
    pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
    return random.uniform(pause / 2, pause)


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:  # the other form, a date: the own backoff will do
        return 0.0


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
