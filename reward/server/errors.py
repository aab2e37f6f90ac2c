"""Why a request is refused as a whole; the application turns these into answers."""

from __future__ import annotations

from reward.server.schemas import State


class RefusedError(Exception):
    """Not now: the client is to come again in ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class QueueFullError(RefusedError):
    """Too many samples are waiting (429)."""

    def __init__(self, waiting: int, most: int, retry_after_s: int) -> None:
        super().__init__(
            f"the queue is full: {waiting} samples are waiting, at most {most} may; "
            f"come again in {retry_after_s} s",
            retry_after_s,
        )


class NotReadyError(RefusedError):
    """Nothing is judged in this state (503)."""

    def __init__(self, state: State, detail: str, retry_after_s: int) -> None:
        super().__init__(f"{state}: {detail}", retry_after_s)
        self.state = state


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""
