"""Engines that die, come back and sleep, as vLLM does."""

from __future__ import annotations

from judge import Completion, Decoding, EngineDeadError, EngineError, Prompt
from judge.engines.scripted import prompt_text
from tests.reward.harness import TestEngine


class MortalEngine(TestEngine):
    """Dies of ``die`` until it is started again, and of ``weak`` in its first life only.

    ``starts`` counts its starts, the first ``refusals`` of which after the first one fail.
    """

    def __init__(self, *, delay: float = 0.0, refusals: int = 0) -> None:
        super().__init__(delay=delay)
        self.starts = 0
        self.refusals = refusals
        self.is_dead = False

    async def start(self) -> None:
        self.starts += 1
        if self.starts > 1 and self.refusals:
            self.refusals -= 1
            raise EngineError("no memory")
        self.is_dead = False

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        text = prompt_text(prompt)
        if self.is_dead or "die" in text or ("weak" in text and self.starts == 1):
            self.is_dead = True
            raise EngineDeadError("the engine has died")
        return await super().generate(prompt, decoding)


class SleepyEngine(MortalEngine):
    """Remembers how it was put to sleep; ``is_stuck`` keeps it from waking."""

    def __init__(self, *, delay: float = 0.0) -> None:
        super().__init__(delay=delay)
        self.slept: list[int] = []
        self.asleep = False
        self.is_stuck = False

    async def start(self) -> None:
        await super().start()
        self.asleep = self.is_stuck = False

    async def sleep(self, level: int) -> None:
        if self._in_flight:
            raise EngineError(f"{self._in_flight} are under way")
        self.slept.append(level)
        self.asleep = True

    async def wake(self) -> None:
        if self.is_stuck:
            raise EngineError("no memory to wake up in")
        self.asleep = False

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        if self.asleep:
            raise EngineError("asked in its sleep")
        return await super().generate(prompt, decoding)
