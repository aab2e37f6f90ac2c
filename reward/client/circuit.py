"""When a server that failed is asked again (a circuit breaker), by a clock alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Circuit:
    """Whether a server is asked. After a failure it is left out for a pause; then it is *due*: one
    asks whether it is back, and samples go there again once it says so.

    Each failure without a success since doubles the pause, up to five seconds; a server that names
    a longer one (``Retry-After``) gets that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self.is_closed = True
        """Samples may go there."""

    @property
    def pause_s(self) -> float:
        """Seconds until the server is due; 0 where it is, or is asked anyway."""
        return 0.0 if self.is_closed else max(0.0, self._until - self._clock())

    @property
    def is_due(self) -> bool:
        return not self.is_closed and not self.pause_s

    def failed(self, retry_after_s: float = 0.0) -> None:
        """Leaves the server out. Calls that fail together count as one failure."""
        pause = retry_after_s
        if self.is_closed or self.is_due:
            pause = max(pause, backoff(self._failures))
            self._failures += 1
            self.is_closed = False
        self._until = max(self._until, self._clock() + pause)

    def is_back(self) -> None:
        """The server says that it can be asked; its failures are forgotten at the next success."""
        self.is_closed = True

    def succeeded(self) -> None:
        """The server answered what it was asked."""
        self._failures = 0


def backoff(failures: int) -> float:
    """Seconds to wait after that many; the jitter keeps ranks from coming all at once."""
    pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 16))
    return random.uniform(pause / 2, pause)
