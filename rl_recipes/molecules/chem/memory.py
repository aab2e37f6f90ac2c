"""Which molecules and scaffolds were rewarded already, so that a policy cannot live off one idea.

The diversity filter of REINVENT4 (T. Blaschke et al., J. Cheminformatics 12:68, 2020): scaffolds go
into buckets, and what comes once a bucket is full, or comes again, is worth less.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from rl_recipes.molecules.chem.scaffolds import scaffold
from rl_recipes.molecules.chem.validity import ValidMolecule


class ScaffoldMemory:
    """Remembers rewarded molecules, whatever was wished for, and counts their scaffolds, apart for
    each wish: one molecule is not to be the answer to many wishes, while many may ask for a ring.

    Args:
        bucket_size: molecules of one scaffold that get their full reward for one wish.
        min_score: least reward with which a molecule is remembered.
        penalty: what the reward of a repeated molecule, and of one whose scaffold's bucket is full,
            is multiplied by, in [0, 1].

    Raises:
        ValueError: a bucket below 1, or a penalty outside [0, 1].
    """

    def __init__(self, bucket_size: int = 25, min_score: float = 0.4, penalty: float = 0.0) -> None:
        if bucket_size < 1 or not 0 <= penalty <= 1:
            raise ValueError(
                "a memory takes buckets of at least 1 and a penalty in [0, 1], "
                f"got bucket_size={bucket_size}, penalty={penalty}"
            )
        self.bucket_size = bucket_size
        self.min_score = min_score
        self.penalty = penalty
        self._molecules: set[str] = set()
        self._scaffolds: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def factor(self, wish: str, molecule: ValidMolecule, score: float) -> float:
        """What the molecule's reward is multiplied by: 1, or the penalty. Remembers the molecule.

        Args:
            wish: what the molecule answers.
            molecule: which.
            score: its reward without regard to diversity.
        """
        frame = scaffold(molecule.molecule)
        is_repeated = molecule.smiles in self._molecules
        is_full = self._scaffolds[wish][frame] >= self.bucket_size
        if score >= self.min_score and not is_repeated:
            self._molecules.add(molecule.smiles)
            self._scaffolds[wish][frame] += 1
        return self.penalty if is_repeated or is_full else 1.0

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, as JSON has it."""
        scaffolds = {wish: dict(counts) for wish, counts in self._scaffolds.items() if counts}
        return {"molecules": sorted(self._molecules), "scaffolds": scaffolds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the place of what was remembered."""
        self._molecules = set(state["molecules"])
        self._scaffolds.clear()
        for wish, counts in state["scaffolds"].items():
            self._scaffolds[wish] = Counter(counts)
