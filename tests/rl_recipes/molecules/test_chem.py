"""RDKit's numbers: properties, alerts, synthetic accessibility, diversity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem, RDConfig

from rl_recipes.molecules.chem.alerts import alerts
from rl_recipes.molecules.chem.desirability import desirability
from rl_recipes.molecules.chem.diversity import internal_diversity, novelty, uniqueness
from rl_recipes.molecules.chem.properties import carbon_chain, qed
from rl_recipes.molecules.chem.sa import sa_score
from rl_recipes.molecules.chem.scaffolds import scaffold

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def molecule(smiles: str) -> Any:
    return Chem.MolFromSmiles(smiles)


def test_sa_scores_are_those_that_the_wheel_brings_as_reference() -> None:
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "data" / "zim.100.txt"
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    assert len(rows) == 100
    for smiles, _, score in rows:
        assert sa_score(molecule(smiles)) == pytest.approx(float(score), abs=1e-3)


@pytest.mark.parametrize(
    ("smiles", "longest"),
    [
        ("O", 0),
        ("c1ccccc1", 0),
        ("C", 1),
        ("CCO", 2),
        ("CC(C)(C)CC", 4),
        ("CCCOCCCC", 4),
        ("CCCCc1ccc(CCC)cc1", 4),
        ("CC(CCC)CCC", 7),
        ("CCCCCCCCCCCC", 12),
    ],
)
def test_the_longest_carbon_chain_runs_outside_of_rings(smiles: str, longest: int) -> None:
    assert carbon_chain(molecule(smiles)) == longest


def test_qed_is_that_of_the_publication_for_aspirin() -> None:
    assert qed(molecule(ASPIRIN)) == pytest.approx(0.550, abs=0.001)


def test_qed_pays_for_a_molecule_written_twice_which_strict_validity_refuses() -> None:
    assert qed(molecule("CCO.CCO")) > qed(molecule("CCO"))


def test_alerts_name_what_is_suspect() -> None:
    assert alerts(molecule(ASPIRIN)) != ()
    assert any("azo" in name.lower() for name in alerts(molecule("CN(C)c1ccc(N=Nc2ccccc2)cc1")))
    assert alerts(molecule("CC(C)Cc1ccccc1")) == ()


def test_a_long_chain_is_less_desirable_than_a_drug() -> None:
    drug = desirability(molecule("CC(C)NCC(O)COc1cccc2ccccc12"))
    assert 0 <= desirability(molecule("C" * 30)) < drug <= 1


def test_scaffolds_are_rings_and_what_joins_them() -> None:
    assert scaffold(molecule("CCc1ccc(CN)cc1")) == scaffold(molecule("Oc1ccccc1")) == "c1ccccc1"
    assert scaffold(molecule("c1ccccc1CCc1ccccc1")) == "c1ccc(CCc2ccccc2)cc1"


def test_molecules_without_rings_do_not_share_a_scaffold() -> None:
    assert scaffold(molecule("CCO")) != scaffold(molecule("CCN"))


def test_shares_of_nothing_are_missing() -> None:
    assert uniqueness([]) is None
    assert novelty([], frozenset({"C"})) is None
    assert internal_diversity([]) is None


def test_uniqueness_and_novelty_are_shares() -> None:
    assert uniqueness(["CCO", "CCO", "CCN", "CCC"]) == 0.75
    assert novelty(["CCO", "CCO", "CCN"], frozenset({"CCO"})) == 0.5


def test_internal_diversity_is_of_all_pairs() -> None:
    one, other = molecule("CCO"), molecule("c1ccccc1")
    assert internal_diversity([one, one]) == 0
    assert internal_diversity([one, other]) == pytest.approx(0.5)  # alike only to themselves
