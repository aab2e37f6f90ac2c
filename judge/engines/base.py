"""The one protocol that engines implement."""

from __future__ import annotations

from typing import Protocol

from judge.folder import Decoding
from judge.types import Completion, Prompt


class Engine(Protocol):
    """Turns prompts into replies, many at a time."""

    @property
    def identity(self) -> str:
        """Engine and number format, e.g. ``"vllm/bfloat16"``: part of a judge's fingerprint."""
        ...

    async def start(self) -> None:
        """Makes the engine ready; takes as long as loading the weights does. Idempotent.

        Raises:
            EngineError: the weights or the engine could not be loaded.
        """
        ...

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        """One reply, the prompt's ``prefill`` not repeated. Cancelling it frees the engine's work.

        Raises:
            EngineError: this request failed.
            EngineDeadError: the engine will answer nothing more.
        """
        ...

    async def close(self) -> None:
        """Stops the engine and frees its memory. Idempotent."""
        ...
