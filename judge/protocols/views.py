"""How a candidate stands in a prompt: its media, its text, or its molecule."""

from __future__ import annotations

from judge.errors import RequestError
from judge.molecules import MAX_DRAWN, draw_molecule, molecule_card, molecule_text
from judge.profile import MoleculeView
from judge.protocols.template import Parts, trusted, untrusted
from judge.rubrics import Rubric
from judge.types import Candidate, MoleculeSlot, Part


def show_candidate(candidate: Candidate, rubric: Rubric, molecules: MoleculeView) -> Parts:
    """The candidate as parts of a prompt; what came from a request is not trusted.

    An invalid molecule is always stated in words, so that a drawing or an embedding of it never
    stands for nothing. One too large to be drawn is shown by its card.

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
    card = molecule_card(smiles)
    if card is None or (molecules == "drawing" and card.properties["heavy atoms"] > MAX_DRAWN):
        molecules = "card"
    if molecules == "card":
        return untrusted((*candidate.media, molecule_text(smiles)))
    written = f"SMILES: {smiles}"
    if molecules == "drawing":
        return untrusted((*candidate.media, draw_molecule(smiles), written))
    return (*untrusted((*candidate.media, written)), *trusted("\n"), MoleculeSlot(smiles))
