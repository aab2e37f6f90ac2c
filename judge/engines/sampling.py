"""Replies in the making, each sampled by its own decoding: for engines that run the model here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import LogitsProcessor, StoppingCriteria

from judge.folder import Decoding


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """A prompt as a model takes it.

    ``tokens`` holds lists with an entry a token: ``input_ids``, and of what kind each is where the
    model asks for it. ``media`` holds tensors whose first dimension runs over pictures or over
    their patches, pictures in order.
    """

    tokens: Mapping[str, list[int]]
    media: Mapping[str, torch.Tensor]

    @property
    def ids(self) -> list[int]:
        return self.tokens["input_ids"]


class Row:
    """One reply in the making.

    ``written`` are its tokens so far; ``finish`` is None until it is done, and then as in
    :class:`~judge.types.Completion`. ``logprobs`` are the natural log-probabilities of the whole
    vocabulary, shape (V,), at its first token.

    Args:
        inputs: the prompt.
        decoding: how to sample; the same seed gives the same samples, whatever else is in a batch,
            up to rounding.
        limit: most tokens, 1 or more.
        ends: tokens that end a reply.
        stop: texts that end it.
        decode: from tokens to their text.
        is_cancelled: asked before each token; once it says yes the row is given up.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        decoding: Decoding,
        *,
        limit: int,
        ends: frozenset[int],
        stop: tuple[str, ...],
        decode: Callable[[Sequence[int]], str],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self.inputs = inputs
        self.limit = limit
        self.written: list[int] = []
        self.finish: Literal["stop", "end", "length"] | None = None
        self.logprobs: torch.Tensor | None = None
        self._decoding = decoding
        self._generator = torch.Generator().manual_seed(decoding.seed)
        self._ends, self._stop = ends, stop
        self._decode, self._is_cancelled = decode, is_cancelled
        # No token is shorter than a byte: the text of so many tokens holds a stop text that has
        # just been ended.
        self._tail = 4 + max((len(text.encode()) for text in stop), default=0)

    @property
    def is_done(self) -> bool:
        return self.finish is not None or self._is_cancelled()

    @property
    def text(self) -> str:
        """What is written, up to and including the first stop text."""
        text = self._decode(self.written)
        ends = [text.index(stop) + len(stop) for stop in self._stop if stop in text]
        return text[: min(ends)] if ends else text

    def take(self, scores: torch.Tensor) -> int:
        """The next token by these logits, shape (V,)."""
        if self.logprobs is None:
            self.logprobs = torch.log_softmax(scores.float().cpu(), -1)
        token = choose(scores, self._decoding, self._generator)
        self.written.append(token)
        if token in self._ends:
            self.finish = "end"
        elif self._stop and self._has_stopped():
            self.finish = "stop"
        elif len(self.written) == self.limit:
            self.finish = "length"
        return token

    def _has_stopped(self) -> bool:
        tail = self._decode(self.written[-self._tail :])
        return any(stop in tail for stop in self._stop)


def choose(scores: torch.Tensor, decoding: Decoding, generator: torch.Generator) -> int:
    """A token by these logits, shape (V,): the likeliest at temperature 0, otherwise one drawn
    from the fewest whose probabilities sum to ``top_p`` (nucleus sampling, arXiv 1904.09751).
    """
    if decoding.temperature == 0:
        return int(scores.argmax())
    probabilities = torch.softmax(scores.float().cpu() / decoding.temperature, -1)
    ordered, tokens = probabilities.sort(descending=True)
    nucleus = ordered.cumsum(-1) - ordered < decoding.top_p
    drawn = torch.multinomial(ordered * nucleus, 1, generator=generator)
    return int(tokens[drawn])


class TakeTokens(LogitsProcessor):
    """Has each row of a batch take its token, and leaves that as the only one possible."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        only: Any = torch.full_like(scores, -torch.inf)
        for place, row in enumerate(self._rows):
            only[place, 0 if row.is_done else row.take(scores[place])] = 0.0
        return only  # type: ignore[no-any-return]  # full_like loses the kind of tensor


class RowsDone(StoppingCriteria):
    """Tells which rows of a batch are done."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any) -> Any:
        return torch.tensor([row.is_done for row in self._rows], device=input_ids.device)
