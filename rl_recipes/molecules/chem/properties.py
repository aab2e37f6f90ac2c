"""Properties of a molecule that its card does not show: no wish names them, no judge sees them."""

from __future__ import annotations

from typing import Any

from rdkit.Chem.QED import qed as _qed


def qed(molecule: Any) -> float:
    """Quantitative estimate of drug-likeness (Bickerton et al., Nature Chem. 4, 90, 2012).

    In [0, 1]; the highest that RDKit gives is 0.948. Takes one whole molecule: a small one written
    twice with a dot between has a higher value, which strict validity refuses.
    """
    return float(_qed(molecule))  # type: ignore[no-untyped-call]  # rdkit is partly untyped


def carbon_chain(molecule: Any) -> int:
    """Carbon atoms of the longest chain outside of rings: what a reward for lipophilicity grows."""
    chain = {
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetSymbol() == "C" and not atom.IsInRing()
    }
    neighbours = {
        index: [
            near.GetIdx()
            for near in molecule.GetAtomWithIdx(index).GetNeighbors()
            if near.GetIdx() in chain
        ]
        for index in chain
    }
    longest = 0
    unseen = set(chain)
    while unseen:
        # Outside of rings the carbons form trees: twice to the farthest end spans the longest path.
        tree = _distances(unseen.pop(), neighbours)
        unseen -= tree.keys()
        end = max(tree, key=lambda index: tree[index])
        longest = max(longest, 1 + max(_distances(end, neighbours).values()))
    return longest


def _distances(start: int, neighbours: dict[int, list[int]]) -> dict[int, int]:
    """Bonds from ``start`` to each atom of its tree."""
    distances = {start: 0}
    ahead = [start]
    for index in ahead:
        for near in neighbours[index]:
            if near not in distances:
                distances[near] = distances[index] + 1
                ahead.append(near)
    return distances
