"""Terms: their formulas at the edges, and that no text takes them out of [0, 1]."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.types import Candidate
from reward.terms import (
    Ending,
    LengthBand,
    Pattern,
    Repetition,
    Term,
    ValidMolecule,
    distinct_ngrams,
    ends_well,
    length_band,
)

TERMS: list[Term] = [
    LengthBand(3, 8, margin=4),
    LengthBand(2, unit="characters"),
    Repetition(2),
    Repetition(1, unit="characters"),
    Pattern("(?i)colou?r"),
    Pattern(r"^\S+$", forbidden=True),
    Ending(),
]


@pytest.mark.parametrize(
    ("length", "value"),
    [(0, 0.0), (6, 0.0), (8, 0.5), (10, 1.0), (20, 1.0), (21, 0.75), (24, 0.0), (1000, 0.0)],
)
def test_length_band(length: int, value: float) -> None:
    assert length_band(length, 10, 20, 4) == value


def test_the_upper_side_is_the_soft_overlong_punishment_of_dapo() -> None:
    longest, cache = 30, 10
    for length in range(20, 40):
        punishment = max(-1.0, ((longest - cache) - length) / cache)
        assert length_band(length, 0, longest - cache, cache) == pytest.approx(1 + punishment)


@pytest.mark.parametrize(("length", "value"), [(9, 0.0), (10, 1.0), (20, 1.0), (21, 0.0)])
def test_without_a_margin_the_band_has_hard_ends(length: int, value: float) -> None:
    assert length_band(length, 10, 20, 0) == value


def test_a_band_may_be_open_above() -> None:
    assert length_band(10**9, 1, None, 0) == 1.0
    assert length_band(0, 1, None, 0) == 0.0


@pytest.mark.parametrize(
    ("words", "n", "value"),
    [
        ("a b c d", 1, 1.0),
        ("a a a a", 1, 0.25),
        ("a b a b", 2, 2 / 3),
        ("a b", 3, 1.0),
        ("", 1, 1.0),
    ],
)
def test_distinct_ngrams(words: str, n: int, value: float) -> None:
    assert distinct_ngrams(words.split(), n) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("A red circle.", True),
        ('He said "no!"  \n', True),
        ("**Done.**", True),
        ("红色的圆。", True),
        ("A red circle and a", False),
        ("the following:", False),
        ("", False),
        ('"', False),
    ],
)
def test_endings(text: str, well: bool) -> None:
    assert ends_well(text) is well
    assert Ending()(Candidate(text)) == float(well)


def test_lengths_and_ngrams_are_counted_in_the_unit() -> None:
    candidate = Candidate(" Red red RED ")
    assert LengthBand(3, 3)(candidate) == 1.0
    assert LengthBand(11, 11, unit="characters")(candidate) == 1.0
    assert Repetition(1)(candidate) == pytest.approx(1 / 3)


def test_patterns_are_found_or_forbidden() -> None:
    link = "https?://"
    assert Pattern(link)(Candidate("see http://x")) == 1.0
    assert Pattern(link, forbidden=True)(Candidate("see http://x")) == 0.0
    assert Pattern(link)(Candidate("see x")) == 0.0
    assert Pattern("^x")(Candidate("a\nx")) == 0.0
    assert Pattern("(?m)^x")(Candidate("a\nx")) == 1.0


def test_no_text_makes_a_pattern_slow() -> None:
    start = time.perf_counter()
    assert Pattern("^(a+)+$")(Candidate("a" * 50_000 + "b")) == 0.0
    assert time.perf_counter() - start < 5  # Python's re would take longer than the universe has


def test_what_is_no_pattern_says_so() -> None:
    with pytest.raises(ValueError, match=r"'\(\?=x\)' is no regular expression of RE2: .*\(\?="):
        Pattern("(?=x)")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LengthBand(3, 2), "low=3, high=2"),
        (lambda: LengthBand(-1), "low=-1"),
        (lambda: LengthBand(margin=-1), "margin=-1"),
        (lambda: Repetition(0), "got 0"),
        (lambda: Ending(""), "at least one"),
    ],
)
def test_settings_are_checked(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]  # a function


def test_molecules() -> None:
    pytest.importorskip("rdkit")
    term = ValidMolecule()
    assert term(Candidate(molecule="CCO")) == 1.0
    assert term(Candidate(molecule="not one")) == 0.0
    assert term(Candidate("CCO")) == 0.0


@given(st.text(), st.sampled_from(TERMS))
def test_no_text_takes_a_term_out_of_its_range(text: str, term: Term) -> None:
    assert 0.0 <= term(Candidate(text)) <= 1.0


@pytest.mark.parametrize("term", TERMS, ids=repr)
def test_terms_pickle_for_a_spawned_child(term: Term) -> None:
    copy = pickle.loads(pickle.dumps(term))  # noqa: S301 - made here
    assert copy == term
    assert copy(Candidate("a colour")) == term(Candidate("a colour"))


def test_a_lone_surrogate_is_a_text_like_another() -> None:
    assert all(0.0 <= term(Candidate("\ud800 a")) <= 1.0 for term in TERMS)
