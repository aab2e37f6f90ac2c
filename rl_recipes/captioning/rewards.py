"""The captioning reward: gates × (the judge, claims where the facts are known, length, form), in
one function that gives None where the judge's term is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from judge.errors import RequestError
from judge.messages import message_text
from reward.adapters.columns import Group
from reward.adapters.composed import ComposedAsker, ComposedJudgeReward
from reward.adapters.core import Row, Settings
from reward.compose import ComposedReward, Measured
from reward.composed_config import load_composed
from reward.types import Reward
from rl_recipes.captioning.claims import ClaimReader

DEFAULT_REWARD = Path(__file__).parent / "reward.yaml"
FACTS = "facts"
CLAIMS = "claims"
"""Name of the part that claims make of a reward."""


@dataclass(frozen=True, slots=True)
class CaptionReward(ComposedReward):
    """A composed reward whose mean takes in how well claims agree with facts, where there are any.

    With w the sum of the other weights, it is (w · composed + claims_weight · F1) / (w +
    claims_weight) for a caption that meets all gates and was judged.
    """

    claims_weight: float = 0.0

    @classmethod
    def of(cls, composed: ComposedReward, claims_weight: float) -> CaptionReward:
        """The composed reward with claims of that weight, which is not below 0."""
        return cls(
            composed.name,
            composed.rubric,
            composed.gates,
            composed.terms,
            composed.judge_weight,
            claims_weight,
        )

    def combine(self, measured: Sequence[Measured], judged: Iterable[Reward]) -> list[Reward]:
        """As its parent's."""
        rewards = ComposedReward.combine(self, measured, judged)
        return [
            self._with_claims(each, reward) for each, reward in zip(measured, rewards, strict=True)
        ]

    def _with_claims(self, measured: Measured, reward: Reward) -> Reward:
        claims = dict(measured.parts).get(CLAIMS)
        if claims is None or reward.value is None:
            return reward
        others = self.judge_weight + sum(term.weight for term in self.terms)
        total = others * reward.value + self.claims_weight * claims
        return replace(reward, value=total / (others + self.claims_weight))


class _CaptionAsker(ComposedAsker):
    """Measures claims beside the terms."""

    def __init__(
        self, settings: Settings, composed: CaptionReward, claims: ClaimReader | None
    ) -> None:
        super().__init__(settings, composed)
        self._claims = claims

    def __reduce__(self) -> tuple[type[_CaptionAsker], tuple[Any, ...]]:
        return type(self), (self.settings, self.composed, self._claims)

    def _measure_row(self, row: Row) -> Measured:
        measured = super()._measure_row(row)
        facts = row.get(FACTS)
        if self._claims is None or not facts or measured.gated is not None:
            return measured
        score = self._claims.score(message_text(row["completion"], "completion"), facts)
        return replace(measured, parts=(*measured.parts, (CLAIMS, score.f1)))


class CaptionJudgeReward(ComposedJudgeReward):
    """The captioning reward as a TRL reward function.

    Args:
        composed: gates, terms, weights and the judge's rubric.
        claims: reads claims from captions, for rows with a ``facts`` column; None: facts do not
            count.
        options: as :class:`~reward.adapters.trl.JudgeReward` takes them.
    """

    def __init__(
        self, composed: CaptionReward, claims: ClaimReader | None = None, **options: Any
    ) -> None:
        parts = (*composed.part_names, CLAIMS) if claims else composed.part_names
        super().__init__(composed, **{"parts": parts, **options})
        self._asker = _CaptionAsker(self._asker.settings, composed, claims)

    def _rows(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> tuple[list[Row], list[Group]]:
        rows, groups = super()._rows(prompts, completions, columns)
        for row, facts in zip(rows, columns.get(FACTS) or [None] * len(rows), strict=True):
            row[FACTS] = facts
        return rows, groups


def load_reward(path: str | None, claims_weight: float) -> CaptionReward:
    """The composed reward of a YAML file, or the one that ships, with the weight of claims.

    Raises:
        RequestError: the file does not hold one, or the weight is below 0.
    """
    if claims_weight < 0:
        raise RequestError(f"--claims_weight is at least 0, got {claims_weight}")
    return CaptionReward.of(load_composed(path or DEFAULT_REWARD), claims_weight)
