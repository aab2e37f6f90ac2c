"""How a candidate stands in a prompt: its media, its text, or its molecule."""

from __future__ import annotations

from judge.errors import RequestError
from judge.molecules import draw_molecule, molecule_card, molecule_text
from judge.profile import MoleculeView
from judge.protocols.template import Parts, trusted, untrusted
from judge.rubrics import Rubric
from judge.types import Candidate, MoleculeSlot, Part


def show_candidate(candidate: Candidate, rubric: Rubric, molecules: MoleculeView) -> Parts:
    """The candidate as parts of a prompt; what came from a request is not trusted.

    An invalid molecule is always stated in words, so that a drawing or an embedding of it never
    stands for nothing.

    Raises:
        RequestError: the rubric judges molecules, and the candidate is none.
    """
    smiles = candidate.molecule
    if smiles is None:
        if rubric.candidate == "molecule":
            raise RequestError(
                f"rubric {rubric.name!r} judges molecules: give the SMILES as 'molecule', "
                "a text could state a card of its own"
            )
        parts: tuple[Part, ...] = candidate.media
        if candidate.text or not parts:
            parts = (*parts, candidate.text)
        return untrusted(parts)
    if molecules == "card" or molecule_card(smiles) is None:
        return untrusted((*candidate.media, molecule_text(smiles)))
    if molecules == "drawing":
        return untrusted((*candidate.media, draw_molecule(smiles), f"SMILES: {smiles}"))
    return (*untrusted((f"SMILES: {smiles}",)), *trusted("\n"), MoleculeSlot(smiles))
