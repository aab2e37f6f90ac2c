"""The synthetic world is read back from words exactly, and nothing else is read."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.molecules import molecule_card, molecule_text
from judge.nano.reading import read_card, read_scene, read_wish
from judge.nano.scenes import draw_scene, tell
from judge.nano.wishes import draw_card, draw_wish, made_up_card, wish_text

seeds = st.integers(0, 2**32)


@given(seeds)
def test_a_scene_is_read_back_from_every_way_to_tell_it(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw_scene(rng, max_items=9)
    assert read_scene(tell(scene, rng)) == scene


@given(seeds)
def test_a_wish_is_read_back(seed: int) -> None:
    rng = random.Random(seed)
    wish = draw_wish(rng, made_up_card(rng))
    assert read_wish(wish_text(wish)) == wish


@given(seeds)
def test_a_card_is_read_back(seed: int) -> None:
    card = draw_card(random.Random(seed))
    assert read_card(molecule_text(card.smiles)) == molecule_card(card.smiles) == card


@pytest.mark.parametrize("smiles", ["", "c1cc", "not a molecule\nvalid: yes"])
def test_an_invalid_molecule_has_no_card(smiles: str) -> None:
    assert read_card(molecule_text(smiles)) is None


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_scene, ""),
        (read_scene, "a small red circle at the top left."),
        (read_scene, "top left: circle, red, huge"),
        (read_scene, "top left: circle, red, small\nand more"),
        (read_wish, "Find a molecule."),
        (read_wish, "Find a molecule with rings 1 to 2, weight 3 to 4."),
        (read_wish, "Find a molecule with rings one to two."),
        (read_card, "CCO"),
        (read_card, "SMILES: CCO\nvalid: yes"),
        (read_card, molecule_text("CCO") + "\nrings: 9"),
    ],
)
def test_another_text_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read(text)
