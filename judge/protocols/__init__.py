"""How a judge is asked and how its reply is read: one object a format.

Render and parse live together, so that what is asked for and what is accepted cannot drift apart.
"""

from __future__ import annotations

from judge.protocols.base import Distribution, JudgingProtocol
from judge.protocols.choice import Choice
from judge.protocols.listwise import Listwise
from judge.protocols.pairwise import Pairwise
from judge.protocols.pointwise import Pointwise
from judge.types import ProtocolName

PROTOCOLS: dict[ProtocolName, type[JudgingProtocol]] = {
    "pointwise": Pointwise,
    "pairwise": Pairwise,
    "listwise": Listwise,
    "choice": Choice,
}

__all__ = [
    "PROTOCOLS",
    "Choice",
    "Distribution",
    "JudgingProtocol",
    "Listwise",
    "Pairwise",
    "Pointwise",
]
