"""Candidates sampled from a policy, which any engine of the judge's runs as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Self

from judge.engines import Engine, make_engine
from judge.errors import EngineDeadError, EngineError, JudgeFolderError, RequestError
from judge.folder import Decoding, embedded_checkpoint, open_judge
from judge.media import load_image
from judge.messages import is_messages, message_text
from judge.rows import picture_sources
from judge.types import Completion, Message, Prompt, PromptPart, Segment
from judge.verdicts import Reason
from reward.offline.sources import SourceRow
from reward.offline.stages import Worked

EngineFactory = Callable[[], Engine]
"""Makes an engine, not yet started; has to be one that can be sent where workers run elsewhere."""
Writes = Literal["texts", "molecules"]
"""What the candidates are to the judge."""
_COLUMNS: dict[Writes, str] = {"texts": "completions", "molecules": "molecules"}
_ROLES: tuple[Literal["system", "user", "assistant"], ...] = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many candidates a prompt gets, and how they are drawn.

    The temperatures are taken in turn: with ``(0.8, 1.2)`` and 4 samples, two of each. Every
    sample has a seed of its own, by ``seed``, the row's number and its place; with
    ``common_random_numbers``, samples that differ in their temperatures alone share one, and then
    differ in few places. What the policy ``writes`` are texts, or molecules: SMILES and nothing
    else, outer white space aside.

    Raises:
        RequestError: fewer than one sample, no temperature, or one that is not above 0 where
            several samples would then be all the same.
    """

    samples: int = 2
    temperatures: tuple[float, ...] = (0.8, 1.2)
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    writes: Writes = "texts"
    common_random_numbers: bool = False

    def __post_init__(self) -> None:
        if self.samples < 1 or self.max_tokens < 1:
            raise RequestError(
                f"samples and their tokens are at least 1, got {self.samples} and {self.max_tokens}"
            )
        lowest = min(self.temperatures, default=-1.0)
        if lowest < 0 or (lowest == 0 and self.samples > 1):
            raise RequestError(
                "several samples take temperatures above 0: at 0 they are all the same; "
                f"got {list(self.temperatures)}"
            )

    def temperature(self, place: int) -> float:
        """Of the samples at that place."""
        return self.temperatures[place % len(self.temperatures)]

    def decoding(self, row: int, place: int) -> Decoding:
        """Of the sample at that place of that row."""
        draw = place // len(self.temperatures) if self.common_random_numbers else place
        digest = sha256(f"{self.seed}/{row}/{draw}".encode()).digest()
        return Decoding(
            temperature=self.temperature(place),
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            seed=int.from_bytes(digest[:4]) >> 1,
        )


@dataclass(frozen=True, slots=True)
class PolicyWorkers:
    """Makes workers that sample."""

    make_engine: EngineFactory
    sampling: Sampling

    def __call__(self) -> PolicyWorker:
        return PolicyWorker(self.make_engine(), self.sampling)


class PolicyWorker:
    """Samples the candidates of rows. The line of a row holds ``row``, the ``column`` that the
    ``texts`` are to stand in, how each text ended (``finishes``), and the ``reason`` and ``detail``
    of a row without any.
    """

    def __init__(self, engine: Engine, sampling: Sampling) -> None:
        self._engine, self._sampling = engine, sampling

    async def __aenter__(self) -> Self:
        await self._engine.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._engine.close()

    async def work(self, row: SourceRow) -> Worked:
        if row.problem is not None:
            return _no_samples(row, row.problem.reason, row.problem.detail)
        try:
            prompt = await asyncio.to_thread(policy_prompt, row.columns)
            samples: list[Completion] = await asyncio.gather(
                *(
                    self._engine.generate(prompt, self._sampling.decoding(row.number, place))
                    for place in range(self._sampling.samples)
                )
            )
        except EngineDeadError:
            raise
        except EngineError as error:
            return _no_samples(row, Reason.ENGINE_ERROR, f"the policy: {error}")
        except RequestError as error:
            return _no_samples(row, Reason.BAD_REQUEST, str(error))
        texts = [each.text for each in samples]
        is_text = self._sampling.writes == "texts"
        fields = {
            "row": row.number,
            "column": _COLUMNS[self._sampling.writes],
            "texts": texts if is_text else [each.strip() for each in texts],
            "finishes": [each.finish for each in samples],
            "reason": None,
            "detail": "",
        }
        return Worked(json.dumps(fields), asked=len(samples))

    async def commit(self) -> None:
        """Nothing to do: the lines are all there is."""


def policy_prompt(columns: Mapping[str, Any]) -> Prompt:
    """The row's ``prompt`` as a policy is given it in training by TRL: a text is the user's turn,
    and pictures stand before the text of the first.

    Raises:
        RequestError: there is no prompt, or not one that a policy can be given.
    """
    prompt = columns.get("prompt")
    if prompt is None:
        raise RequestError(f"a policy needs a 'prompt', got the columns {sorted(columns)}")
    turns: list[tuple[str, str]] = [("user", prompt)] if isinstance(prompt, str) else []
    if not turns and is_messages(prompt):
        turns = [(str(turn.get("role")), message_text([turn], "prompt")) for turn in prompt]
    if not turns or turns[-1][0] == "assistant":
        raise RequestError("a policy's 'prompt' is a text, or messages that end in the user's turn")
    pictures: list[PromptPart] = [load_image(source) for source in picture_sources(columns)]
    messages = []
    for role, text in turns:
        if role not in _ROLES:
            raise RequestError(f"a turn of {', '.join(_ROLES)} was expected, got {role!r}")
        # In training, too, what spells a special token is one.
        parts: list[PromptPart] = [Segment(text, trusted=True)]
        if role == "user" and pictures:
            parts, pictures = [*pictures, *parts], []
        messages.append(Message(_ROLES[_ROLES.index(role)], tuple(parts)))
    if pictures:
        raise RequestError("pictures belong to the user's turn, and the prompt has none")
    return Prompt(tuple(messages))


def open_policy(policy: str, engine: str, **options: Any) -> Engine:
    """The engine of a policy, not yet started.

    Args:
        policy: an embedded checkpoint (``nano-captioner``), a checkpoint's folder, or a hub id.
        engine: one of :data:`judge.engines.ENGINES`.
        options: the engine's own.

    Raises:
        JudgeFolderError: no such checkpoint.
        MissingExtraError: the engine's package is not installed.
    """
    with suppress(JudgeFolderError):  # not one of those: a folder or a hub id
        policy = str(embedded_checkpoint(policy))
    return make_engine(engine, open_judge(policy), **options)


def _no_samples(row: SourceRow, reason: Reason, detail: str) -> Worked:
    fields = {
        "row": row.number,
        "texts": [],
        "finishes": [],
        "reason": reason.value,
        "detail": detail,
    }
    return Worked(json.dumps(fields), asked=1, unjudged=1)
