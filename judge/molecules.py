"""A molecule as a judge reads it: its SMILES and a card of computed properties (RDKit)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from judge.errors import MissingExtraError
from judge.media import load_image
from judge.types import Image

MAX_SMILES = 1000
"""Longest SMILES read, in characters. 5,000 carbons cost RDKit 0.4 s; a policy will try them."""

_DRAWING = 300
_SMILES = re.compile(r"[!-~]+")  # visible ASCII

Number = int | float
"""Counts are ints; logP is a float with one decimal."""


@dataclass(frozen=True, slots=True)
class MoleculeCard:
    """Properties of one valid molecule.

    ``properties`` maps a name of :data:`PROPERTIES` to its value: counts, or logP (Crippen, no
    unit) rounded to one decimal.
    """

    smiles: str
    properties: MappingProxyType[str, Number]

    def text(self) -> str:
        """The card as the judge reads it, one property a line."""
        rows = [f"SMILES: {self.smiles}", "valid: yes"]
        rows += [f"{name}: {value}" for name, value in self.properties.items()]
        return "\n".join(rows)


PROPERTIES: tuple[str, ...] = (
    "heavy atoms",
    "rings",
    "donors",
    "acceptors",
    "rotatable bonds",
    "logP",
)


def molecule_card(smiles: str) -> MoleculeCard | None:
    """The card of a molecule, or None where the SMILES is not one whole valid molecule.

    RDKit itself accepts the empty string, and reads ``CCO some words`` as CCO with a name; both are
    refused here.

    Raises:
        MissingExtraError: RDKit is not installed (``pip install 'flexreward[molecules]'``).
    """
    chem, compute = _rdkit()
    if len(smiles) > MAX_SMILES or not _SMILES.fullmatch(smiles):
        return None
    molecule = chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    values = {name: compute[name](molecule) for name in PROPERTIES}
    values["logP"] = round(values["logP"], 1) + 0.0  # + 0.0 turns -0.0 into 0.0
    return MoleculeCard(smiles, MappingProxyType(values))


def molecule_text(smiles: str) -> str:
    """What a judge is shown for a molecule: its card, or the statement that it is not valid."""
    card = molecule_card(smiles)
    if card is not None:
        return card.text()
    one_line = " ".join(
        smiles[:MAX_SMILES].split()
    )  # what is not SMILES could forge a card's lines
    return f"SMILES: {one_line}\nvalid: no"


def draw_molecule(smiles: str) -> Image:
    """A drawing of a valid molecule, black on white, 300 pixels wide and high.

    Raises:
        MissingExtraError: RDKit is not installed.
        ValueError: not a valid molecule.
    """
    chem, _ = _rdkit()
    molecule = chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"not a molecule: {smiles[:80]!r}")
    from rdkit.Chem.Draw import rdMolDraw2D

    canvas = rdMolDraw2D.MolDraw2DCairo(_DRAWING, _DRAWING)
    canvas.drawOptions().useBWAtomPalette()
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    return load_image(canvas.GetDrawingText())


@cache
def _rdkit() -> tuple[Any, dict[str, Callable[[Any], Number]]]:
    """RDKit's Chem module and one function a property; imported on first use."""
    try:
        from rdkit import Chem, RDLogger
        from rdkit.Chem import Crippen, rdMolDescriptors
    except ImportError as error:
        raise MissingExtraError("rdkit", "molecules") from error
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]  # rdkit ships no stub for it
    compute: dict[str, Callable[[Any], Number]] = {
        "heavy atoms": lambda molecule: int(molecule.GetNumHeavyAtoms()),
        "rings": rdMolDescriptors.CalcNumRings,
        "donors": rdMolDescriptors.CalcNumHBD,
        "acceptors": rdMolDescriptors.CalcNumHBA,
        "rotatable bonds": rdMolDescriptors.CalcNumRotatableBonds,
        "logP": Crippen.MolLogP,  # type: ignore[attr-defined]  # made when rdkit is imported
    }
    return Chem, compute
