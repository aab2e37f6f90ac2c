"""Listwise judging: several candidates at once, reasoning about all, a score each.

The reply ends in as many answer tags as there are candidates, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.protocols.base import ComparingProtocol

MAX_CANDIDATES = 26
"""Most candidates of one request: they are named by a letter each."""


@dataclass(frozen=True, slots=True)
class Listwise(ComparingProtocol):
    """Asks for a score a candidate."""

    name = "listwise"
    least = 2
    most = MAX_CANDIDATES
