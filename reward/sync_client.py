"""The blocking face of the client: the asynchronous one, run on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from reward.client import RewardClient, Sample
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL

T = TypeVar("T")


class SyncRewardClient:
    """A blocking :class:`RewardClient`, whose event loop runs on a thread of its own.

    Safe to call from several threads and, made before a fork, in the child.
    """

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._client = RewardClient(url)
        self._thread: _LoopThread | None = None
        self._starting = threading.Lock()

    @property
    def url(self) -> str:
        return self._client.url

    def rewards(
        self,
        samples: Sequence[Sample],
        *,
        rubric: str,
        rationale: bool = False,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> list[Reward]:
        """See :meth:`RewardClient.rewards`."""
        return self._run(
            self._client.rewards(samples, rubric=rubric, rationale=rationale, deadline_s=deadline_s)
        )

    def wait_ready(self, timeout_s: float = 600.0) -> None:
        """See :meth:`RewardClient.wait_ready`."""
        self._run(self._client.wait_ready(timeout_s))

    def info(self) -> dict[str, Any]:
        """See :meth:`RewardClient.info`."""
        return self._run(self._client.info())

    def close(self) -> None:
        """Closes the connections and ends the thread. The client may still be used after."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._thread is None or self._thread.process != os.getpid():
                self._thread = _LoopThread(self._client)
            loop = self._thread.loop
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:  # an interrupt, too, ends the work
            future.cancel()
            raise


class _LoopThread:
    """An event loop that runs on a thread of its own until it is stopped or no longer referred to.

    Threads end at a fork: ``process`` is the id of the one that has this.
    """

    def __init__(self, client: RewardClient) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run_loop, args=(self.loop, client), name="reward-client", daemon=True
        )
        self._thread.start()
        self._stop = weakref.finalize(self, self.loop.call_soon_threadsafe, self.loop.stop)

    def stop(self) -> None:
        if self.process == os.getpid():
            self._stop()
            self._thread.join()


def _run_loop(loop: asyncio.AbstractEventLoop, client: RewardClient) -> None:
    with contextlib.closing(loop):
        loop.run_forever()
        loop.run_until_complete(client.aclose())
        loop.run_until_complete(loop.shutdown_default_executor())
