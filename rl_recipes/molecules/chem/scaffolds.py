"""The frame of a molecule: its rings and what joins them."""

from __future__ import annotations

from typing import Any

from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold


def scaffold(molecule: Any) -> str:
    """Canonical SMILES of the Bemis-Murcko scaffold (J. Med. Chem. 39, 2887, 1996).

    A molecule without rings has none and stands for itself, so that chains are told apart.
    """
    rings = MurckoScaffold.GetScaffoldForMol(molecule)  # type: ignore[no-untyped-call]  # in rdkit
    return Chem.MolToSmiles(rings) or Chem.MolToSmiles(molecule)
