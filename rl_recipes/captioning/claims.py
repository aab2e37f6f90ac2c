"""What a caption claims, against what is true of its picture.

Claims are phrases of a known vocabulary that a caption contains, as in CHAIR (arXiv 1809.02156),
whose share of hallucinated objects is 1 − precision here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_WORD = re.compile(r"\w+")


def words_of(text: str) -> tuple[str, ...]:
    """The text's words in lower case, without punctuation."""
    return tuple(_WORD.findall(text.casefold()))


@dataclass(frozen=True, slots=True)
class ClaimScore:
    """Of one caption, both in [0, 1]: the share of its claims that are true (1 where it makes none)
    and the share of the facts that it claims.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class ClaimReader:
    """Finds phrases of a vocabulary in texts.

    Args:
        vocabulary: all phrases that count as claims, the facts of all pictures together.
    """

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._phrases = frozenset(words_of(phrase) for phrase in vocabulary) - {()}
        self._lengths = sorted({len(phrase) for phrase in self._phrases})

    def score(self, text: str, facts: Collection[str]) -> ClaimScore:
        """How the claims of ``text`` agree with ``facts``, of which there is at least one.

        Raises:
            ValueError: no facts.
        """
        true = {words_of(fact) for fact in facts} - {()}
        if not true:
            raise ValueError("claims are compared with at least one fact")
        claims = self._claims(text)
        right = len(claims & true)
        return ClaimScore(right / len(claims) if claims else 1.0, right / len(true))

    def _claims(self, text: str) -> set[tuple[str, ...]]:
        words = words_of(text)
        spans = {
            words[start : start + length]
            for length in self._lengths
            for start in range(len(words) - length + 1)
        }
        return spans & self._phrases
