"""Strict validity: RDKit parses more than a chemist would call a molecule, and a policy finds it.

Checks go from cheap to dear. Each refusal has a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rdkit import Chem, RDLogger

from judge.molecules import MAX_SMILES, read_molecule

RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # rdkit ships no stub for it

Refusal = Literal[
    "empty",
    "too long",
    "not SMILES",
    "several fragments",
    "no carbon",
    "unusual element",
    "wildcard",
    "radical",
    "isotope",
    "atom map",
    "too many atoms",
]
"""Why a text is not taken for a molecule; "not SMILES" is also what RDKit refuses (an unclosed
ring, a wrong valence, words after the SMILES)."""

ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
"""Elements of ordinary organic molecules."""
MAX_HEAVY_ATOMS = 100
"""Most heavy atoms. Long before the longest SMILES that is read, and far above drugs."""


@dataclass(frozen=True, slots=True)
class ValidMolecule:
    """One whole ordinary molecule: RDKit's object and its canonical SMILES."""

    molecule: Any
    smiles: str


@lru_cache(maxsize=20_000)
def check(text: str) -> ValidMolecule | Refusal:
    """The molecule that the text is, or why it is none. White space counts as a character."""
    if not text:
        return "empty"
    if len(text) > MAX_SMILES:
        return "too long"
    if "." in text:
        return "several fragments"
    molecule = read_molecule(text)
    if molecule is None:
        return "not SMILES"
    if molecule.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        return "too many atoms"
    refusal = _check_atoms(molecule)
    return refusal or ValidMolecule(molecule, Chem.MolToSmiles(molecule))


def _check_atoms(molecule: Any) -> Refusal | None:
    atoms = list(molecule.GetAtoms())
    symbols = {atom.GetSymbol() for atom in atoms}
    if "*" in symbols:
        return "wildcard"
    if not symbols <= ELEMENTS:
        return "unusual element"
    if "C" not in symbols:
        return "no carbon"
    if any(atom.GetNumRadicalElectrons() for atom in atoms):
        return "radical"
    if any(atom.GetIsotope() for atom in atoms):
        return "isotope"
    if any(atom.GetAtomMapNum() for atom in atoms):
        return "atom map"
    return None


def is_valid(text: str) -> bool:
    """Whether :func:`check` takes the text for a molecule."""
    return isinstance(check(text), ValidMolecule)
