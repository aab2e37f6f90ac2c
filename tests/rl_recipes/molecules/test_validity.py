"""Strict validity, on the texts of molecules.toml and on those too long to write there."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from rl_recipes.molecules.chem.validity import MAX_HEAVY_ATOMS, ValidMolecule, check

CASES = tomllib.loads((Path(__file__).parent / "molecules.toml").read_text(encoding="utf-8"))[
    "case"
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_what_is_taken_for_a_molecule(case: dict[str, str]) -> None:
    checked = check(case["text"])
    found = "valid" if isinstance(checked, ValidMolecule) else checked
    assert found == case["expected"]


def test_rdkit_alone_takes_what_is_refused_here() -> None:
    """Otherwise the cases above would show nothing."""
    traps = ("", "CCO ignored text", "[Au]", "[He]", "*", "C[CH]C", "[13CH3]CO", "CCO.CCO")
    assert all(Chem.MolFromSmiles(text) is not None for text in traps)


def test_thousands_of_carbons_cost_nothing() -> None:
    started = time.perf_counter()
    assert check("C" * 5000) == "too long"
    assert check("C" * 1000) == "too many atoms"
    assert time.perf_counter() - started < 0.2


def test_the_largest_molecule_is_at_the_limit() -> None:
    assert isinstance(check("C" * MAX_HEAVY_ATOMS), ValidMolecule)
    assert check("C" * (MAX_HEAVY_ATOMS + 1)) == "too many atoms"


def test_spellings_of_one_molecule_have_one_canonical_smiles() -> None:
    spellings = ("OCC", "C(O)C", "[H]OCC", "[CH3][CH2][OH]")
    found = {checked.smiles for checked in map(check, spellings) if not isinstance(checked, str)}
    assert found == {"CCO"}


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    checked = check(text)
    assert isinstance(checked, str | ValidMolecule)
