"""The one protocol that engines implement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt


class Engine(Protocol):
    """Turns prompts into replies, many at a time."""

    @property
    def identity(self) -> str:
        """Engine, number format and what else of its options replies depend on, e.g.
        ``"vllm/bfloat16"``: part of a judge's fingerprint.
        """
        ...

    async def start(self) -> None:
        """Makes the engine ready; takes as long as loading the weights does. Idempotent.

        Raises:
            EngineError: the weights or the engine could not be loaded.
        """
        ...

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        """One reply, going on from the prompt's ``prefill`` and ``begun``, which it does not
        repeat. Of ``decoding`` only temperature, top_p, max_tokens and seed matter here.
        Cancelling it frees the engine's work.

        Raises:
            EngineError: this request failed, or the engine cannot do what the prompt asks for.
            EngineDeadError: the engine will answer nothing more.
        """
        ...

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        """The likeliest tokens that the reply could go on with behind ``prefill`` and ``begun``,
        likeliest first, by the model's own probabilities (temperature 1, no top-p).

        At least 10 of them, or the whole vocabulary; what ends the reply has an empty text.

        Raises:
            EngineError: as for :meth:`generate`.
            EngineDeadError: as for :meth:`generate`.
        """
        ...

    async def close(self) -> None:
        """Stops the engine and frees its memory. Idempotent."""
        ...


@runtime_checkable
class WatchedEngine(Protocol):
    """An engine that knows of its own death before it is asked anything."""

    @property
    def is_dead(self) -> bool:
        """Whether it has died since it was started; cheap, and false again once it is restarted."""
        ...


@runtime_checkable
class SleepingEngine(Protocol):
    """An engine that can give its accelerator's memory away for a while."""

    async def sleep(self, level: int) -> None:
        """Frees the accelerator's memory; nothing may be under way.

        Args:
            level: 1 keeps the weights in main memory, 2 drops them.

        Raises:
            EngineError: it was not started so that it can, or this machine's cannot.
            EngineDeadError: as for :meth:`Engine.generate`.
        """
        ...

    async def wake(self) -> None:
        """Takes the memory again, and the weights with it.

        Raises:
            EngineError: it could not.
            EngineDeadError: as for :meth:`Engine.generate`.
        """
        ...


def identity(
    engine: str, dtype: object, options: Mapping[str, object], telling: Iterable[str]
) -> str:
    """``engine/dtype`` with those of the ``telling`` options that are set: see
    :attr:`Engine.identity`.
    """
    told = (f"{name}={options[name]}" for name in telling if options.get(name) is not None)
    return "/".join((engine, str(dtype), *told))
