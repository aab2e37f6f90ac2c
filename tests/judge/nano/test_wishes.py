"""Wishes for molecules, and how far a molecule meets them."""

from __future__ import annotations

import random

import pytest

from judge.molecules import molecule_card
from judge.nano.reasoning import compare_wish
from judge.nano.wishes import Range, draw_card, draw_wish, molecule_pool, satisfaction, wish_text

PHENOL = "c1ccccc1O"


def test_a_wish_is_compared_with_the_computed_card() -> None:
    card = molecule_card(PHENOL)
    assert card is not None
    wish = (Range("rings", 1, 1), Range("heavy atoms", 20, 25), Range("logP", 1.0, 1.8))
    assert wish_text(wish) == (
        "Find a molecule with rings 1 to 1, heavy atoms 20 to 25, logP 1.0 to 1.8."
    )
    assert satisfaction(wish, card) == pytest.approx(2 / 3)
    comparison = compare_wish(wish, card)
    assert comparison.text.splitlines() == [
        "rings 1 to 1, 1.",
        "heavy atoms 20 to 25, 7 wrong 1.",
        "logP 1.0 to 1.8, 1.4.",
        "wrong 1 of 3.",
    ]
    assert comparison.score(1, 10) == 7


def test_an_invalid_molecule_meets_nothing() -> None:
    wish = (Range("rings", 0, 9), Range("donors", 0, 9))
    assert satisfaction(wish, None) == 0.0
    assert compare_wish(wish, None).score(1, 10) == 1


def test_wishes_are_met_to_every_degree() -> None:
    rng = random.Random(0)
    shares = set()
    for _ in range(200):
        card = draw_card(rng)
        shares.add(satisfaction(draw_wish(rng, card), card))
    assert {0.0, 0.5, 1.0} <= shares


def test_the_pool_holds_unique_molecules_of_bounded_length() -> None:
    pool = molecule_pool()
    assert len(pool) > 10_000
    assert len(set(pool)) == len(pool)
    assert max(map(len, pool)) <= 60
