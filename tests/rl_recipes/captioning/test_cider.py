"""CIDEr-D against numbers worked out by hand from the paper's formula."""

from __future__ import annotations

import math

import pytest

from rl_recipes.captioning.cider import CiderD

CORPUS = [["a red circle"], ["a blue star"], ["a green cross"], ["two dogs"]]
"""In 4 pictures: df(a) = 3, of every other n-gram 1."""
COMMON, RARE = math.log(4 / 3), math.log(4)


def test_a_reference_itself_scores_two_and_a_half_for_each_length_of_n_gram_it_has() -> None:
    # Of three words there are 1-, 2- and 3-grams, each with cosine 1, and no 4-gram.
    assert CiderD(CORPUS).score("a red circle", CORPUS[0]) == pytest.approx(10 * 3 / 4)
    four = [["one two three four"], ["five six seven eight"]]
    assert CiderD(four).score("one two three four", four[0]) == pytest.approx(10)


def test_one_word_changed() -> None:
    # 1-grams: common are a (COMMON) and red (RARE); a third word differs, blue has RARE as well.
    norm = math.hypot(COMMON, RARE, RARE)
    ones = (COMMON**2 + RARE**2) / norm**2
    # 2-grams: "a red" in common, RARE; the other differs ("red star" is in no reference: df 1).
    twos = RARE**2 / math.hypot(RARE, RARE) ** 2
    expected = 10 * (ones + twos + 0 + 0) / 4
    assert CiderD(CORPUS).score("a red star", CORPUS[0]) == pytest.approx(expected)


def test_repeating_a_word_is_clipped_and_the_length_is_penalised() -> None:
    # Weights of the candidate: a COMMON, red 3·RARE, circle RARE; of red no more than RARE counts.
    reference = math.hypot(COMMON, RARE, RARE)
    candidate = math.hypot(COMMON, 3 * RARE, RARE)
    ones = (COMMON**2 + RARE**2 + RARE**2) / (reference * candidate)
    # "a red", "red red" twice, "red circle": two of the reference's, each at RARE.
    twos = 2 * RARE**2 / (math.hypot(RARE, RARE) * math.hypot(RARE, 2 * RARE, RARE))
    damped = math.exp(-(2**2) / (2 * 6**2))
    expected = 10 * damped * (ones + twos) / 4
    assert CiderD(CORPUS).score("a red red red circle", CORPUS[0]) == pytest.approx(expected)


def test_the_mean_over_references() -> None:
    cider = CiderD(CORPUS)
    both = cider.score("a red circle", [*CORPUS[0], *CORPUS[1]])
    each = [cider.score("a red circle", CORPUS[place]) for place in (0, 1)]
    assert both == pytest.approx(sum(each) / 2)


@pytest.mark.parametrize("text", ["", ".", "nothing of it"])
def test_what_shares_nothing_scores_nothing(text: str) -> None:
    assert CiderD(CORPUS).score(text, CORPUS[0]) == 0


def test_the_document_frequency_is_frozen() -> None:
    cider = CiderD(CORPUS)
    before = cider.score("a red star", CORPUS[0])
    for _ in range(3):
        cider.score("red red red", CORPUS[1])
    assert cider.score("a red star", CORPUS[0]) == before


def test_one_picture_is_too_few() -> None:
    with pytest.raises(ValueError, match="2 pictures, got 1"):
        CiderD(CORPUS[:1])
