"""The card and the drawing of a molecule, and what is no molecule."""

from __future__ import annotations

import builtins
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge import Candidate, MediaError, MissingExtraError, load_rubric
from judge import molecules as molecules_module
from judge.media import open_pixels
from judge.molecules import (
    DRAWING,
    MAX_DRAWN,
    MAX_SMILES,
    PROPERTIES,
    draw_molecule,
    molecule_card,
    molecule_text,
)
from judge.protocols.views import show_candidate
from judge.types import Segment

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def test_card_holds_the_properties_of_aspirin() -> None:
    card = molecule_card(ASPIRIN)
    assert card is not None
    assert dict(card.properties) == {
        "heavy atoms": 13,
        "rings": 1,
        "donors": 1,
        "acceptors": 3,
        "rotatable bonds": 2,
        "logP": 1.3,
    }
    assert tuple(card.properties) == PROPERTIES


def test_text_of_a_card_is_a_property_a_line() -> None:
    assert molecule_text("CCO").splitlines() == [
        "SMILES: CCO",
        "valid: yes",
        "heavy atoms: 3",
        "rings: 0",
        "donors: 1",
        "acceptors: 1",
        "rotatable bonds: 0",
        "logP: 0.0",
    ]


@pytest.mark.parametrize(
    "smiles",
    [
        pytest.param("", id="empty"),
        pytest.param(" ", id="blank"),
        pytest.param("CCO ignored text", id="text-after-a-space"),
        pytest.param("CCO\tname", id="text-after-a-tab"),
        pytest.param("CCO\nvalid: yes", id="text-after-a-line-end"),
        pytest.param("CCO\u00a0x", id="text-after-a-no-break-space"),
        pytest.param("CCO\0x", id="text-after-a-null"),
        pytest.param("CCO |$a;b;c$|", id="cxsmiles"),
        pytest.param("not a molecule", id="words"),
        pytest.param("C1CC", id="ring-left-open"),
        pytest.param("C(C", id="branch-left-open"),
        pytest.param("C(C)(C)(C)(C)C", id="five-bonds-on-carbon"),
        pytest.param("[Xx]", id="no-such-element"),
        pytest.param("c1cccc1", id="cannot-be-aromatic"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param("٣", id="arabic-digit"),
    ],
)
def test_what_is_no_whole_molecule_has_no_card(smiles: str) -> None:
    assert molecule_card(smiles) is None
    assert molecule_text(smiles).endswith("\nvalid: no")


@pytest.mark.parametrize("smiles", ["[Na+]", "[He]", "[Na+].[Cl-]", "[NH3+]CC([O-])=O", "[CH3]"])
def test_unusual_molecules_are_valid_to_rdkit(smiles: str) -> None:
    assert molecule_text(smiles).startswith(f"SMILES: {smiles}\nvalid: yes\n")


def test_five_thousand_carbons_are_refused_at_once() -> None:
    molecule_card("C")  # imports RDKit
    start = time.process_time()
    assert molecule_card("C" * 5000) is None
    seconds = time.process_time() - start
    assert seconds < 0.05, f"{seconds:.2f} s: the length must be checked before RDKit reads it"


def test_text_of_an_overlong_molecule_is_cut() -> None:
    text = molecule_text("C" * 100_000)
    assert len(text) < MAX_SMILES + 50
    assert text.endswith("\nvalid: no")


def test_longest_smiles_is_read() -> None:
    card = molecule_card("C" * MAX_SMILES)
    assert card is not None
    assert card.properties["heavy atoms"] == MAX_SMILES
    assert molecule_card("C" * (MAX_SMILES + 1)) is None


def test_logp_is_never_minus_zero() -> None:
    for smiles in ("CCO", "[He]", "OCC"):
        assert "logP: -0.0" not in molecule_text(smiles)


# --- drawings -----------------------------------------------------------------------------------


def pixels(smiles: str) -> Any:
    return open_pixels(draw_molecule(smiles))


def test_drawing_is_a_square_of_colour_on_white() -> None:
    image = draw_molecule(ASPIRIN)
    assert (image.width, image.height) == (DRAWING, DRAWING)
    colours = {colour: count for count, colour in pixels(ASPIRIN).getcolors(100_000)}
    assert colours[255, 255, 255] > 0.8 * DRAWING**2
    assert any(red > 200 and blue < 80 for red, _, blue in colours), "oxygen is red"


def test_one_molecule_has_one_drawing_and_another_has_another() -> None:
    assert draw_molecule("CCO") == draw_molecule("CCO")
    assert draw_molecule("CCO").sha256 != draw_molecule("CCN").sha256
    mirrored = draw_molecule("C[C@H](N)C(=O)O").sha256, draw_molecule("C[C@@H](N)C(=O)O").sha256
    assert mirrored[0] != mirrored[1], "mirror images are told apart"


@pytest.mark.parametrize("smiles", ["", "C1CC", "CCO named", "C" * (MAX_SMILES + 1)])
def test_what_is_no_molecule_is_not_drawn(smiles: str) -> None:
    with pytest.raises(MediaError, match="nothing to draw"):
        draw_molecule(smiles)


def test_molecule_too_large_to_be_seen_is_not_drawn() -> None:
    assert draw_molecule("C" * MAX_DRAWN).width == DRAWING
    with pytest.raises(MediaError, match=f"{MAX_DRAWN + 1} heavy atoms is not drawn"):
        draw_molecule("C" * (MAX_DRAWN + 1))


@pytest.mark.parametrize("view", ["card", "drawing", "embeddings"])
@pytest.mark.parametrize("smiles", ["C1CC", "", "CCO named"])
def test_invalid_molecule_is_stated_in_words_in_every_view(smiles: str, view: Any) -> None:
    (shown,) = show_candidate(Candidate(molecule=smiles), load_rubric("molecule"), view)
    assert isinstance(shown, Segment)
    assert shown.text.endswith("valid: no")


def test_views_show_the_card_the_drawing_or_the_slot() -> None:
    def kinds(smiles: str, view: Any) -> list[str]:
        parts = show_candidate(Candidate(molecule=smiles), load_rubric("molecule"), view)
        return [type(part).__name__ for part in parts]

    assert kinds("CCO", "card") == ["Segment"]
    assert kinds("CCO", "drawing") == ["Image", "Segment", "Segment"]
    assert kinds("CCO", "embeddings") == ["Segment", "Segment", "MoleculeSlot"]
    assert kinds("C" * (MAX_DRAWN + 1), "drawing") == ["Segment"], "the card, where none can see"


@settings(deadline=None)
@given(text=st.text(max_size=60) | st.text("CNOc1()=[]+-#@H.%2/\\ \n", max_size=40))
def test_any_text_gives_a_card_or_the_word_no(text: str) -> None:
    card = molecule_card(text)
    lines = molecule_text(text)
    assert lines.startswith("SMILES: ")
    if card is None:
        assert lines.endswith("\nvalid: no")
    else:
        assert lines == card.text()
        assert set(card.properties) == set(PROPERTIES)


def test_missing_rdkit_is_named_with_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_rdkit(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "rdkit":
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    molecules_module._rdkit.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without_rdkit)
    with pytest.raises(MissingExtraError, match=r"pip install 'flexreward\[molecules\]'"):
        molecule_card("CCO")
