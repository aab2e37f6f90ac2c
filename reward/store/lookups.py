"""Looking verdicts up: all that are asked for at the same time by one query."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, func, select

from judge.verdicts import Verdict
from reward.store.breaker import Breaker
from reward.store.codec import decode_outcome
from reward.store.settings import StoreSettings
from reward.store.table import verdicts

logger = logging.getLogger(__name__)

_BATCH = 256
_THREADS = 2
"""One to look up, and one for when the other hangs."""


class Lookups:
    """The latest verdict on a question, asked for by any number of tasks of one event loop.

    A query that fails or takes too long finds nothing, and for a while no other is tried.
    ``failures`` counts them.
    """

    def __init__(self, engine: Engine, settings: StoreSettings) -> None:
        self._engine = engine
        self._timeout_s = settings.lookup_s
        self._breaker = Breaker(settings.retry_s)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="verdict-lookup")
        self._asked: list[tuple[str, asyncio.Future[Verdict | None]]] = []
        self._answering: asyncio.Task[None] | None = None
        self.failures = 0

    async def find(self, key: str) -> Verdict | None:
        answer: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        self._asked.append((key, answer))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer())
        return await answer

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:_BATCH], self._asked[_BATCH:]
            found = await self._query([key for key, _ in asked])
            for key, answer in asked:
                if not answer.done():  # its caller may have been cancelled
                    answer.set_result(found.get(key))

    async def _query(self, keys: Sequence[str]) -> Mapping[str, Verdict]:
        if not self._breaker.lets_in():
            return {}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await loop.run_in_executor(self._threads, self._read, keys)
        except Exception:
            self.failures += 1
            self._breaker.failed()
            logger.exception("the verdict store cannot be asked; requests are judged anew")
            return {}
        self._breaker.succeeded()
        return found

    def _read(self, keys: Sequence[str]) -> Mapping[str, Verdict]:
        latest = (
            select(func.max(verdicts.c.id))
            .where(verdicts.c.key.in_(keys), verdicts.c.reason.is_(None))
            .group_by(verdicts.c.key)
        )
        query = select(verdicts.c.key, verdicts.c.outcome).where(verdicts.c.id.in_(latest))
        with self._engine.connect() as connection:
            outcomes = {key: decode_outcome(text) for key, text in connection.execute(query)}
        return {key: each for key, each in outcomes.items() if isinstance(each, Verdict)}
