"""The scaffold memory: what is worth less the second time, and what survives a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from rl_recipes.checkpointed import Checkpointed
from rl_recipes.molecules.chem.memory import ScaffoldMemory
from rl_recipes.molecules.chem.validity import ValidMolecule, check

BENZENES = ("Cc1ccccc1", "CCc1ccccc1", "CCCc1ccccc1", "Oc1ccccc1")


def valid(smiles: str) -> ValidMolecule:
    checked = check(smiles)
    assert isinstance(checked, ValidMolecule)
    return checked


def factors(
    memory: ScaffoldMemory, *smiles: str, wish: str = "w", score: float = 1.0
) -> list[float]:
    return [memory.factor(wish, valid(each), score) for each in smiles]


def test_a_full_bucket_is_worth_less() -> None:
    memory = ScaffoldMemory(bucket_size=3, penalty=0.25)
    assert factors(memory, *BENZENES) == [1, 1, 1, 0.25]
    assert factors(memory, "C1CCCCC1") == [1]


def test_a_molecule_spelled_otherwise_is_the_same_molecule() -> None:
    memory = ScaffoldMemory(bucket_size=25, penalty=0.0)
    assert factors(memory, "OCC", "C(O)C", "[H]OCC") == [1, 0, 0]


def test_what_earned_little_is_not_remembered() -> None:
    memory = ScaffoldMemory(min_score=0.4)
    assert factors(memory, "CCO", score=0.3) == [1]
    assert factors(memory, "CCO", score=0.9) == [1]
    assert factors(memory, "CCO", score=0.3) == [0]


def test_repeats_do_not_fill_a_bucket() -> None:
    memory = ScaffoldMemory(bucket_size=2, penalty=0.5)
    assert factors(memory, BENZENES[0], BENZENES[0], BENZENES[1]) == [1, 0.5, 1]


def test_scaffolds_are_counted_apart_for_each_wish_and_molecules_are_not() -> None:
    memory = ScaffoldMemory(bucket_size=1)
    assert factors(memory, BENZENES[0], wish="one") == [1]
    assert factors(memory, BENZENES[1], wish="other") == [1]
    assert factors(memory, BENZENES[0], wish="another") == [0]


@pytest.mark.parametrize(("bucket", "penalty"), [(0, 0.5), (5, -0.1), (5, 1.1)])
def test_settings_that_make_no_sense_are_refused(bucket: int, penalty: float) -> None:
    with pytest.raises(ValueError, match="a memory takes buckets"):
        ScaffoldMemory(bucket, penalty=penalty)


def test_the_memory_comes_back_through_json() -> None:
    memory = ScaffoldMemory(bucket_size=2, penalty=0.5)
    factors(memory, *BENZENES[:2])
    again = ScaffoldMemory(bucket_size=2, penalty=0.5)
    factors(again, "CCN")
    again.load_state_dict(json.loads(json.dumps(memory.state_dict())))
    assert again.state_dict() == memory.state_dict()
    assert factors(again, BENZENES[0], BENZENES[2], "CCN") == [0.5, 0.5, 1]


def test_the_memory_is_kept_with_the_checkpoints(tmp_path: Path) -> None:
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    memory = ScaffoldMemory()
    factors(memory, "CCO")
    at_ten = TrainerState(global_step=10)
    Checkpointed("memory", memory).on_save(args, at_ten, TrainerControl())
    factors(memory, "CCN")  # after the checkpoint: forgotten with the steps after it

    resumed = ScaffoldMemory()
    Checkpointed("memory", resumed).on_train_begin(args, at_ten, TrainerControl())
    assert factors(resumed, "CCO", "CCN") == [0, 1]


def test_the_memory_is_there_before_the_checkpoint_is_whole(tmp_path: Path) -> None:
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    memory = ScaffoldMemory()
    factors(memory, "CCO")
    callback, at_ten = Checkpointed("memory", memory), TrainerState(global_step=10)
    callback.on_step_end(args, at_ten, TrainerControl(should_save=False))
    assert not list(tmp_path.iterdir())
    callback.on_step_end(args, at_ten, TrainerControl(should_save=True))
    resumed = ScaffoldMemory()
    Checkpointed("memory", resumed).on_train_begin(args, at_ten, TrainerControl())
    assert factors(resumed, "CCO") == [0]


def test_a_checkpoint_of_elsewhere_brings_its_memory(tmp_path: Path) -> None:
    there = TrainingArguments(output_dir=str(tmp_path / "there"), use_cpu=True)
    memory = ScaffoldMemory()
    factors(memory, "CCO")
    at_ten = TrainerState(global_step=10)
    Checkpointed("memory", memory).on_save(there, at_ten, TrainerControl())
    here = TrainingArguments(
        output_dir=str(tmp_path / "here"),
        use_cpu=True,
        resume_from_checkpoint=str(tmp_path / "there" / "checkpoint-10"),
    )
    resumed = ScaffoldMemory()
    Checkpointed("memory", resumed).on_train_begin(here, at_ten, TrainerControl())
    assert factors(resumed, "CCO") == [0]


def test_a_new_run_takes_nothing_and_a_lost_file_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    memory = ScaffoldMemory()
    callback = Checkpointed("memory", memory)
    callback.on_train_begin(args, TrainerState(global_step=0), TrainerControl())
    assert not caplog.records
    callback.on_train_begin(args, TrainerState(global_step=10), TrainerControl())
    assert "starts anew" in caplog.text
    assert memory.state_dict() == ScaffoldMemory().state_dict()
