"""An engine whose core is a process of its own, as vLLM's is: one that can be killed."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE, Process
from itertools import count
from pathlib import Path

from judge import Completion, Decoding, EngineDeadError, Prompt
from judge.engines.scripted import prompt_text
from tests.reward.harness import TestEngine

_ID = re.compile(r"#[\w-]+")


class CoreEngine(TestEngine):
    """Replies come by way of the core, which is ``cat``: it says what it is told.

    It does what the candidate says, as :class:`TestEngine`. The ``#id`` in a candidate is added to
    the journal once it is judged: what was judged how often, whatever died in between.
    """

    def __init__(self, journal: Path, *, delay: float = 0.0) -> None:
        super().__init__(delay=delay)
        self._journal = journal
        self._core: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[None]] = {}

    @property
    def is_dead(self) -> bool:
        return self._core is not None and self._core.returncode is not None

    async def start(self) -> None:
        if self._core is None:
            self._core = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
            self._reading = asyncio.create_task(self._read(self._core))

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        self.prompts.clear()  # a long run asks much
        completion = await super().generate(prompt, decoding)
        await self._say()
        found = _ID.search(prompt_text(prompt))
        if found:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(f"{found[0]}\n")
        return completion

    async def close(self) -> None:
        if self._core is None or self._reading is None:
            return
        core, self._core = self._core, None
        if core.returncode is None:
            core.kill()
        await core.wait()
        await self._reading
        await super().close()

    async def _say(self) -> None:
        """Returns when the core has said a word."""
        if self._core is None or self.is_dead:
            raise EngineDeadError("the engine's process is gone")
        assert self._core.stdin is not None
        number = next(self._numbers)
        said = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._core.stdin.write(b"%d\n" % number)
        try:
            await said
        finally:
            del self._waiting[number]

    async def _read(self, core: Process) -> None:
        assert core.stdout is not None
        async for line in core.stdout:
            said = self._waiting.get(int(line))
            if said is not None and not said.done():
                said.set_result(None)
        for said in self._waiting.values():
            if not said.done():
                said.set_exception(EngineDeadError("the engine's process is gone"))
