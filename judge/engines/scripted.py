"""An engine that answers from a script: for tests and for trying a pipeline without a model."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence

from judge.errors import EngineError
from judge.folder import Decoding
from judge.types import (
    Audio,
    Completion,
    Image,
    Media,
    MoleculeSlot,
    NextToken,
    Prompt,
    Segment,
    Usage,
    Video,
)

Script = Callable[[Prompt], str | Completion | Exception]
"""From a prompt to the reply (behind the prompt's ``begun``), or to the error to raise."""
Likely = Callable[[Prompt], Mapping[str, float]]
"""From a prompt to the probabilities, above 0, of the tokens that its reply could go on with."""


class ScriptedEngine:
    """Answers each prompt by a function, after ``delay`` seconds.

    A reply is cut behind the first of the prompt's stop texts, as a real engine would; ``likely``
    answers :meth:`next_tokens`.

    ``prompts`` holds what it was asked, in order, or the first ``keep`` of that;
    ``in_flight_peak`` tells how many were under way at once.
    """

    identity = "scripted"

    def __init__(
        self,
        script: Script,
        *,
        likely: Likely | None = None,
        delay: float = 0.0,
        keep: int | None = None,
    ) -> None:
        self._script = script
        self._likely = likely
        self._delay = delay
        self._keep = keep
        self._in_flight = 0
        self.in_flight_peak = 0
        self.prompts: list[Prompt] = []

    async def start(self) -> None:
        return None

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        if self._keep is None or len(self.prompts) < self._keep:
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
        return complete(reply, prompt.stop)

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        if self._likely is None:
            raise EngineError("this script knows no probabilities: give it 'likely'")
        return tuple(
            sorted(
                (NextToken(text, math.log(p)) for text, p in self._likely(prompt).items()),
                key=lambda token: -token.logprob,
            )
        )

    async def close(self) -> None:
        return None


def complete(reply: str, stop: Sequence[str]) -> Completion:
    """The reply as an engine gives it: cut behind the first stop text. A word counts as a token."""
    ends = [reply.index(text) + len(text) for text in stop if text in reply]
    text = reply[: min(ends)] if ends else reply
    return Completion(text, "stop" if ends else "end", Usage(completion_tokens=len(text.split())))


def prompt_text(prompt: Prompt) -> str:
    """The prompt as a person would read it; pictures as ``[image 84x84]``. For scripts."""
    return "\n\n".join(
        "".join(part.text if isinstance(part, Segment) else _name(part) for part in message.parts)
        for message in prompt.messages
    )


def _name(part: Media | MoleculeSlot) -> str:
    if isinstance(part, Image):
        return f"[image {part.width}x{part.height}]"
    if isinstance(part, Video):
        return f"[video of {len(part.frames)} frames]"
    if isinstance(part, Audio):
        return f"[audio of {part.seconds:.1f} s]"
    return f"[molecule {part.smiles}]"
