"""Samples, and servers whose answers are set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from reward import RewardClient

UNREACHABLE = "http://127.0.0.1:9"


def rows(*completions: str, **columns: Any) -> list[dict[str, Any]]:
    return [{"prompt": "Rate this.", "completion": text, **columns} for text in completions]


def scripted(*answers: Callable[[httpx.Request], httpx.Response]) -> RewardClient:
    """A client that gets these answers in turn; asked whether it is ready, the server is."""
    left = iter(answers)

    def answered(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200) if request.url.path == "/ready" else next(left)(request)

    return RewardClient(transport=httpx.MockTransport(answered))


def answer(status: int, json: Any = None, **headers: str) -> Callable[..., httpx.Response]:
    return lambda request: httpx.Response(status, json=json, headers=headers)


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset")


RESULT = {
    "reward": 0.5,
    "score": 5.5,
    "reason": None,
    "detail": "",
    "rationale": "",
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    "parts": {},
}
GOOD = answer(200, {"judge": "x", "rubric": "y", "results": [RESULT]})
