"""Probabilities of the answers that a tag may hold, from a judge's next-token probabilities.

An answer may take several tokens ("10" is two in most tokenizers, and begins like "1"), so the tree
of continuations is walked until each branch is closed by ``<`` of the closing tag. It is walked
over texts, not token ids: how a tokenizer cuts a number does not matter.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable

from judge.types import NextToken

MAX_EXPANSIONS = 24
"""Most one-token requests for one tag."""
MIN_MASS = 1e-3
"""A branch less likely than this is not followed; it counts as outside the scale."""

NextTokens = Callable[[str], Awaitable[tuple[NextToken, ...]]]
"""From what stands in the tag so far to the likeliest tokens behind it."""


async def distribution(
    next_tokens: NextTokens,
    *,
    is_answer: Callable[[str], bool],
    starts_answer: Callable[[str], bool],
) -> dict[str, float]:
    """Probability of each answer, as it is written; they sum to at most 1.

    Args:
        next_tokens: asks the engine.
        is_answer: whether a tag may hold this text.
        starts_answer: whether a text that a tag may hold could begin so.
    """
    found: dict[str, float] = {}
    open_branches = [(-1.0, "")]  # a heap: the likeliest is followed first
    for _ in range(MAX_EXPANSIONS):
        if not open_branches:
            break
        mass, begun = heapq.heappop(open_branches)
        for token in await next_tokens(begun):
            chance = -mass * math.exp(token.logprob)
            written, closing, _ = (begun + token.text).partition("<")
            answer = written.strip()
            if closing:
                if is_answer(answer):
                    found[answer] = found.get(answer, 0.0) + chance
            elif token.text and chance >= MIN_MASS and starts_answer(answer):
                heapq.heappush(open_branches, (-chance, begun + token.text))
    return found
