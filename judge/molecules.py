"""A molecule as a judge sees it: its SMILES, a card of computed properties, a drawing (RDKit)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from judge.errors import MediaError, MissingExtraError
from judge.media import load_image
from judge.types import Image

MAX_SMILES = 1000
"""Longest SMILES read, in characters. 5,000 carbons cost RDKit 0.4 s; a policy will try them."""

DRAWING = 448
"""Pixels a drawing is wide and high: the size at which Flex-Judge looks at pictures."""
MAX_DRAWN = 150
"""Most heavy atoms of a drawing. More cannot be told apart in it, and RDKit takes seconds."""
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


def read_molecule(smiles: str) -> Any | None:
    """RDKit's molecule, or None where the SMILES is not one whole valid molecule.

    RDKit itself accepts the empty string, and reads ``CCO some words`` as CCO with a name; both are
    refused here.

    Raises:
        MissingExtraError: RDKit is not installed (``pip install 'flexreward[molecules]'``).
    """
    chem, _ = _rdkit()
    if len(smiles) > MAX_SMILES or not _SMILES.fullmatch(smiles):
        return None
    molecule = chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() > 0 else None


def molecule_card(smiles: str) -> MoleculeCard | None:
    """The card of a molecule, or None where :func:`read_molecule` finds none.

    Raises:
        MissingExtraError: RDKit is not installed.
    """
    molecule = read_molecule(smiles)
    if molecule is None:
        return None
    _, compute = _rdkit()
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
    """A drawing of a valid molecule, in colour on white, ``DRAWING`` pixels wide and high.

    Raises:
        MissingExtraError: RDKit is not installed.
        MediaError: not a valid molecule, or one with more than ``MAX_DRAWN`` heavy atoms.
    """
    molecule = read_molecule(smiles)
    if molecule is None:
        raise MediaError(f"not a molecule, so there is nothing to draw: {smiles[:80]!r}")
    if molecule.GetNumHeavyAtoms() > MAX_DRAWN:
        raise MediaError(
            f"a molecule of {molecule.GetNumHeavyAtoms()} heavy atoms is not drawn; "
            f"the limit is {MAX_DRAWN}: show its card"
        )
    from rdkit.Chem.Draw import rdMolDraw2D

    canvas = rdMolDraw2D.MolDraw2DCairo(DRAWING, DRAWING)
    options: Any = canvas.drawOptions()
    options.addStereoAnnotation = True
    options.minFontSize = 12
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
