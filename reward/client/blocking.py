"""The blocking face of the client: the asynchronous one, run on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from reward.client.access import Verify
from reward.client.client import RewardClient
from reward.wire import DEFAULT_URL

T = TypeVar("T")
P = ParamSpec("P")


def _blocking(
    method: Callable[Concatenate[RewardClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[SyncRewardClient, P], T]:
    """The method as one that returns when it is done."""

    @wraps(method)
    def blocking(self: SyncRewardClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(lambda client: method(client, *args, **kwargs))

    return blocking


class SyncRewardClient:
    """A blocking :class:`RewardClient`, whose event loop runs on a thread of its own.

    Safe to call from several threads and, made before a fork, in the child.
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        *,
        api_key: str | None = None,
        verify: Verify | None = None,
    ) -> None:
        self._client = RewardClient(url, api_key=api_key, verify=verify)
        self._thread: _LoopThread | None = None
        self._starting = threading.Lock()

    @property
    def urls(self) -> tuple[str, ...]:
        return self._client.urls

    rewards = _blocking(RewardClient.rewards)
    group_rewards = _blocking(RewardClient.group_rewards)
    judgements = _blocking(RewardClient.judgements)
    wait_ready = _blocking(RewardClient.wait_ready)
    info = _blocking(RewardClient.info)

    def close(self) -> None:
        """Closes the connections and ends the thread. The client may still be used after."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def run(self, work: Callable[[RewardClient], Coroutine[Any, Any, T]]) -> T:
        """What the work brings, done with the asynchronous client on its loop."""
        with self._starting:
            if self._thread is None or self._thread.process != os.getpid():
                self._thread = _LoopThread(self._client)
            loop = self._thread.loop
        future = asyncio.run_coroutine_threadsafe(work(self._client), loop)
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
