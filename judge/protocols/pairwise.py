"""Pairwise judging: two candidates, reasoning about both, a score each.

The reply ends in two answer tags, in the candidates' order (Flex-Judge, arXiv 2505.18601).
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.protocols.base import ComparingProtocol


@dataclass(frozen=True, slots=True)
class Pairwise(ComparingProtocol):
    """Asks for two scores on the rubric's scale."""

    name = "pairwise"
    least = most = 2
