"""Which of several equally good candidates is taken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TieRule = Literal["random", "first", "shortest"]


@dataclass(frozen=True, slots=True)
class TieBreak:
    """The rule, and the seed of ``"random"``, which draws anew for each row.

    ``"first"`` takes the one that stands first in the row, ``"shortest"`` the one of fewest
    characters, and the first of several such.
    """

    rule: TieRule = "random"
    seed: int = 0

    def pick(self, places: Sequence[int], lengths: Sequence[int], row: int) -> int:
        """One of these places.

        Args:
            places: of the candidates that are equally good; at least one.
            lengths: characters of all candidates of the row.
            row: the row's number.
        """
        ordered = sorted(places)
        if self.rule == "first":
            return ordered[0]
        if self.rule == "shortest":
            return min(ordered, key=lambda place: lengths[place])
        return random.Random(f"tie/{self.seed}/{row}/{ordered}").choice(ordered)
