"""Class Judge: the one place where request, prompt, engine and verdict meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from judge.engines import Engine
from judge.errors import EngineDeadError, EngineError, JudgeFolderError, RequestError
from judge.folder import Decoding, JudgeFolder, open_judge
from judge.protocols import Pointwise
from judge.types import JudgeRequest, Outcome, Reason, Unjudged


class Judge:
    """A judge folder and the engine that runs it.

        async with Judge.load("nano") as judge:
            outcome = await judge.judge(request)

    Call :meth:`judge` as many times at once as there are requests; the engine batches them.
    """

    def __init__(self, folder: JudgeFolder, engine: Engine) -> None:
        if "pointwise" not in folder.profile.protocols:
            raise JudgeFolderError(f"judge {folder.profile.name!r} has no [protocols.pointwise]")
        self.folder = folder
        self.engine = engine
        self.fingerprint = folder.fingerprint(engine.identity)
        self._protocol = Pointwise(folder.profile.protocols["pointwise"])

    @classmethod
    def load(
        cls, judge: str | Path, *, decoding: dict[str, float] | None = None, **options: Any
    ) -> Self:
        """A judge under vLLM, not yet started.

        Args:
            judge: ``"nano"``, a folder, or a hub id; see :func:`judge.folder.open_judge`.
            decoding: fields of :class:`~judge.folder.Decoding` to set over the judge's own.
            options: vLLM's engine arguments, by vLLM's names.

        Raises:
            JudgeFolderError: no such judge.
            MissingExtraError: vLLM is not installed.
        """
        from judge.engines.vllm import VllmEngine

        folder = open_judge(judge, **(decoding or {}))
        return cls(folder, VllmEngine(folder.weights, **options))

    @property
    def decoding(self) -> Decoding:
        return self.folder.profile.decoding

    async def judge(self, request: JudgeRequest) -> Outcome:
        """The verdict on a request, or why there is none.

        Raises:
            EngineDeadError: the engine died; nothing can be judged until it is started again.
        """
        try:
            prompt = self._protocol.render(request)
            completion = await self.engine.generate(prompt, self.decoding)
        except EngineDeadError:
            raise
        except EngineError as error:
            return Unjudged(Reason.ENGINE_ERROR, str(error))
        except RequestError as error:
            return Unjudged(Reason.BAD_REQUEST, str(error))
        return self._protocol.parse(completion, request)

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
