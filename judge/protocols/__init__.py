"""How a judge is asked and how its reply is read: one object a format.

Render and parse live together, so that what is asked for and what is accepted cannot drift apart.
"""

from __future__ import annotations

from judge.protocols.pointwise import Pointwise

__all__ = ["Pointwise"]
