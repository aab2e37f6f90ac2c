"""How different the molecules of a set are from one another, and from those known before.

Definitions as in MOSES (D. Polykovskiy et al., arXiv 1811.12823). A share of no molecules is None.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator


def uniqueness(smiles: Collection[str]) -> float | None:
    """Different canonical SMILES over all of them, in (0, 1]."""
    return len(set(smiles)) / len(smiles) if smiles else None


def novelty(smiles: Collection[str], known: AbstractSet[str]) -> float | None:
    """Share of the different canonical SMILES that are not among the known ones, in [0, 1]."""
    unique = set(smiles)
    return len(unique - known) / len(unique) if unique else None


def internal_diversity(molecules: Sequence[Any]) -> float | None:
    """1 minus the mean Tanimoto similarity of all pairs, in [0, 1]; each with itself counts too.

    Similarities are of Morgan fingerprints of radius 2 with 1,024 bits.
    """
    if not molecules:
        return None
    prints = [_generator().GetFingerprint(molecule) for molecule in molecules]
    similar = sum(sum(DataStructs.BulkTanimotoSimilarity(each, prints)) for each in prints)
    return float(1 - similar / len(prints) ** 2)


@cache
def _generator() -> Any:
    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
