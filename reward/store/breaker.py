"""Keeping callers away from what has just failed (a circuit breaker)."""

from __future__ import annotations

from time import monotonic


class Breaker:
    """Lets everyone in until a failure; after it one every ``retry_s`` seconds, until a success."""

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._has_failed = False
        self._next_try = 0.0

    def lets_in(self) -> bool:
        if not self._has_failed:
            return True
        if monotonic() < self._next_try:
            return False
        self._next_try = monotonic() + self._retry_s
        return True

    def succeeded(self) -> None:
        self._has_failed = False

    def failed(self) -> None:
        self._has_failed = True
        self._next_try = monotonic() + self._retry_s
