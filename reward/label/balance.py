"""As many pairs whose chosen candidate is the longer one as pairs whose chosen is the shorter."""

from __future__ import annotations

import random
from collections.abc import Sequence

from reward.offline.comparisons import Preference


class LengthBalance:
    """Leaves out just so many pairs of the more frequent kind, drawn evenly over the whole run.

    What is drawn depends on the seed and the order of the pairs alone (selection sampling, Knuth,
    The Art of Computer Programming, vol. 2, 3.4.2, algorithm S).

    Args:
        longer: pairs in all whose chosen candidate is longer.
        shorter: pairs in all whose chosen candidate is shorter.
        seed: decides which are left out.
    """

    def __init__(self, longer: int, shorter: int, seed: int = 0) -> None:
        self._rng = random.Random(f"length balance/{seed}")
        self._frequent = 1 if longer > shorter else -1
        self._left = max(longer, shorter)
        self._wanted = min(longer, shorter)

    def keeps(self, pair: Preference, lengths: Sequence[int]) -> bool:
        """Whether the pair stays; to be asked of every pair, in order."""
        if lead(pair, lengths) != self._frequent:
            return True
        is_kept = self._rng.random() * self._left < self._wanted
        self._left -= 1
        self._wanted -= is_kept
        return is_kept


def lead(pair: Preference, lengths: Sequence[int]) -> int:
    """1 where the chosen candidate is the longer one, -1 where the shorter, 0 for equal lengths."""
    chosen, rejected = lengths[pair.chosen], lengths[pair.rejected]
    return (chosen > rejected) - (chosen < rejected)
