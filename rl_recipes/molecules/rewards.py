"""The molecules reward: gates → the judge → diversity, in one function that gives None where the
judge's term is missing.

What is not one valid molecule fails a gate: its reward is 0, and it costs no call of the judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from judge.messages import message_text
from judge.types import Candidate
from reward.adapters.composed import ComposedAsker, ComposedJudgeReward
from reward.adapters.core import Row, Settings
from reward.compose import ComposedReward, Gate, WeightedTerm
from reward.store.attempt import Labels
from reward.types import Reward
from rl_recipes.molecules.chem.alerts import alerts
from rl_recipes.molecules.chem.desirability import desirability
from rl_recipes.molecules.chem.memory import ScaffoldMemory
from rl_recipes.molecules.chem.validity import ValidMolecule, check

DIVERSITY = "diversity"
"""Name of the part that the scaffold memory makes of a reward."""
_ANSWER = re.compile(r".*<answer>([^<>]*)</answer>\s*", re.DOTALL)


def smiles_of(text: str) -> str:
    """The SMILES in a completion: what stands in the ``<answer>`` tags that end it, or, without
    tags, the whole text; outer white space aside.

    Strict on purpose: words around a SMILES make it none, as a policy would learn to add them.
    """
    tagged = _ANSWER.fullmatch(text)
    return (tagged.group(1) if tagged else text).strip()


@dataclass(frozen=True, slots=True)
class StrictlyValid:
    """1 where the candidate is a molecule by :func:`~rl_recipes.molecules.chem.validity.check`."""

    def __call__(self, candidate: Candidate) -> float:
        return float(_molecule(candidate) is not None)


@dataclass(frozen=True, slots=True)
class NoAlerts:
    """1 where a valid molecule raises no structural alert, 0 where it does or is none."""

    def __call__(self, candidate: Candidate) -> float:
        molecule = _molecule(candidate)
        return float(molecule is not None and not alerts(molecule.molecule))


@dataclass(frozen=True, slots=True)
class Desirable:
    """:func:`~rl_recipes.molecules.chem.desirability.desirability` of a valid molecule."""

    def __call__(self, candidate: Candidate) -> float:
        molecule = _molecule(candidate)
        return 0.0 if molecule is None else desirability(molecule.molecule)


def _molecule(candidate: Candidate) -> ValidMolecule | None:
    checked = check(candidate.molecule or "")
    return checked if isinstance(checked, ValidMolecule) else None


def compose(
    rubric: str, *, refuse_alerts: bool = False, desirability_weight: float = 0.0
) -> ComposedReward:
    """Gates and terms around the judge's reward.

    Args:
        rubric: that the judge goes by.
        refuse_alerts: whether a molecule with a structural alert fails a gate.
        desirability_weight: beside the judge's weight of 1; 0: no such term.

    Raises:
        ValueError: a weight below 0.
    """
    gates = [Gate("valid", StrictlyValid(), value=0.0)]
    if refuse_alerts:
        gates.append(Gate("no_alerts", NoAlerts(), value=0.0))
    terms = (
        (WeightedTerm("desirability", Desirable(), desirability_weight),)
        if desirability_weight
        else ()
    )
    return ComposedReward("molecule_wish", rubric, tuple(gates), terms)


class _MoleculeAsker(ComposedAsker):
    """Multiplies composed rewards with what the memory says of their molecules."""

    def __init__(
        self, settings: Settings, composed: ComposedReward, memory: ScaffoldMemory
    ) -> None:
        super().__init__(settings, composed)
        self._memory = memory

    def __reduce__(self) -> tuple[type[_MoleculeAsker], tuple[Any, ...]]:
        return type(self), (self.settings, self.composed, self._memory)

    def ask(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        rewards = super().ask(rows, rationale=rationale, labels=labels)
        return [self._diversify(row, each) for row, each in zip(rows, rewards, strict=True)]

    def _diversify(self, row: Row, reward: Reward) -> Reward:
        molecule = check(row["molecule"])
        if not reward.value or not isinstance(molecule, ValidMolecule):
            return reward
        wish = message_text(row["prompt"], "prompt")
        factor = self._memory.factor(wish, molecule, reward.value)
        parts = (*reward.parts, (DIVERSITY, factor))
        return replace(reward, value=reward.value * factor, parts=parts)


class MoleculeJudgeReward(ComposedJudgeReward):
    """The molecules reward as a TRL reward function.

    Args:
        composed: gates, terms and the judge's rubric.
        memory: what was rewarded before; the caller keeps it with the checkpoints.
        options: as :class:`~reward.adapters.trl.JudgeReward` takes them.
    """

    def __init__(self, composed: ComposedReward, memory: ScaffoldMemory, **options: Any) -> None:
        parts = (*composed.part_names, DIVERSITY)
        super().__init__(composed, **{"parts": parts, "molecule_of": smiles_of, **options})
        self._asker = _MoleculeAsker(self._asker.settings, composed, memory)
