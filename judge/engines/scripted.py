"""An engine that answers from a script: for tests and for trying a pipeline without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from judge.folder import Decoding
from judge.types import Completion, Prompt, Segment, Usage

Script = Callable[[Prompt], str | Completion | Exception]
"""From a prompt to the reply, or to the error to raise."""


class ScriptedEngine:
    """Answers each prompt by a function, after ``delay`` seconds.

    ``prompts`` keeps what it was asked, in order; ``in_flight_peak`` how many at once.
    """

    identity = "scripted"

    def __init__(self, script: Script, *, delay: float = 0.0) -> None:
        self._script = script
        self._delay = delay
        self._in_flight = 0
        self.in_flight_peak = 0
        self.prompts: list[Prompt] = []

    async def start(self) -> None:
        return None

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        self.prompts.append(prompt)
        self._in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self._in_flight)
        try:
            await asyncio.sleep(self._delay)
            reply = self._script(prompt)
        finally:
            self._in_flight -= 1
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Completion):
            return reply
        return Completion(reply, "stop", Usage(completion_tokens=len(reply.split())))

    async def close(self) -> None:
        return None


def prompt_text(prompt: Prompt) -> str:
    """The prompt as a person would read it; pictures as ``[image 84x84]``. For scripts."""
    return "\n\n".join(
        "".join(
            part.text if isinstance(part, Segment) else f"[image {part.width}x{part.height}]"
            for part in message.parts
        )
        for message in prompt.messages
    )
