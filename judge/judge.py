"""Class Judge: the one place where request, prompt, engine and verdict meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from judge.asking import Asking
from judge.engines import Engine, make_engine
from judge.errors import EngineDeadError, EngineError, RequestError
from judge.folder import Decoding, JudgeFolder, open_judge
from judge.protocols import PROTOCOLS, JudgingProtocol
from judge.streaming import in_order
from judge.types import JudgeRequest, ProtocolName
from judge.verdicts import Outcome, Reason, Unjudged
from judge.voting import combine_orders, combine_votes


class Judge:
    """A judge folder and the engine that runs it.

        async with Judge.from_folder("nano") as judge:
            outcome = await judge.judge(request)

    Call :meth:`judge` as many times at once as there are requests; the engine batches them.
    """

    def __init__(self, folder: JudgeFolder, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self.fingerprint = folder.fingerprint(engine.identity)
        profile = folder.profile
        self._protocols: dict[ProtocolName, JudgingProtocol] = {
            name: PROTOCOLS[name](prompts, profile.molecules)
            for name, prompts in profile.protocols.items()
        }

    @classmethod
    def from_folder(
        cls,
        judge: str | Path,
        *,
        engine: str = "vllm",
        decoding: Mapping[str, object] | None = None,
        **options: Any,
    ) -> Self:
        """A judge, not yet started.

        Args:
            judge: ``"nano"``, a folder, or a hub id; see :func:`judge.folder.open_judge`.
            engine: what runs it, one of :data:`judge.engines.ENGINES`.
            decoding: fields of :class:`~judge.profile.Decoding` to set over the judge's own.
            options: the engine's own options; for ``"vllm"``, vLLM's engine arguments by vLLM's
                names.

        Raises:
            JudgeFolderError: no such judge.
            MissingExtraError: the engine's package is not installed.
        """
        folder = open_judge(judge, **(decoding or {}))
        return cls(folder, make_engine(engine, folder, **options))

    @property
    def decoding(self) -> Decoding:
        return self.folder.profile.decoding

    async def judge(self, request: JudgeRequest, decoding: Decoding | None = None) -> Outcome:
        """The verdict on a request, or why there is none.

        Args:
            request: what to judge.
            decoding: how, instead of the judge's own way. The judge's fingerprint tells of its own
                way alone.

        Raises:
            EngineDeadError: the engine died; nothing can be judged until it is started again.
        """
        decoding = decoding or self.decoding
        if not decoding.both_orders or len(request.candidates) < 2:
            return await self._vote(request, decoding)
        forward, backward = await asyncio.gather(
            self._vote(request, decoding), self._vote(request.swapped(), decoding)
        )
        return combine_orders(forward, backward.restored(request.backward))

    def judge_many(
        self,
        requests: Iterable[JudgeRequest] | AsyncIterable[JudgeRequest],
        *,
        concurrency: int = 64,
    ) -> AsyncGenerator[Outcome, None]:
        """The outcomes of many requests, in order, ``concurrency`` of which are judged at once.

        Memory is bounded: requests are taken as there is room, see
        :func:`judge.streaming.in_order`.

        Raises:
            ValueError: ``concurrency`` below 1.
            EngineDeadError: as :meth:`judge`.
        """
        return in_order(requests, self.judge, concurrency)

    async def _vote(self, request: JudgeRequest, decoding: Decoding) -> Outcome:
        if decoding.votes == 1:
            return await self._ask(request, decoding)
        votes = [
            self._ask(request, replace(decoding, seed=decoding.seed + vote))
            for vote in range(decoding.votes)
        ]
        return combine_votes(await asyncio.gather(*votes), decoding.vote)

    async def _ask(self, request: JudgeRequest, decoding: Decoding) -> Outcome:
        protocol = self._protocols.get(request.protocol)
        if protocol is None:
            return Unjudged(
                Reason.BAD_REQUEST,
                f"judge {self.folder.profile.name!r} has no [protocols.{request.protocol}]; "
                f"it has {', '.join(self._protocols)}",
            )
        try:
            return await Asking(self.engine, protocol, request).outcome(decoding)
        except EngineDeadError:
            raise
        except EngineError as error:
            return Unjudged(Reason.ENGINE_ERROR, str(error))
        except RequestError as error:
            return Unjudged(Reason.BAD_REQUEST, str(error))

    async def start(self) -> None:
        """Loads the engine; :meth:`judge` would do it on first use.

        Raises:
            EngineError: it could not be loaded.
        """
        await self.engine.start()

    async def close(self) -> None:
        await self.engine.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
