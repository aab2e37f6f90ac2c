"""A stopped run is gone on with, and another one's checkpoints are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge.errors import RequestError
from judge.sft.train.checkpoints import claim_folder, last_whole_checkpoint


def checkpoint(folder: Path, step: int, *, is_whole: bool = True) -> None:
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    if is_whole:
        (made / "trainer_state.json").write_text("{}")


def test_the_last_whole_checkpoint_is_the_one_of_most_steps(tmp_path: Path) -> None:
    assert last_whole_checkpoint(tmp_path) is None
    checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 11, is_whole=False)
    assert last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")


def test_checkpoints_of_another_run_are_refused_by_what_differs(tmp_path: Path) -> None:
    claim_folder(tmp_path, {"base": "nano-base", "learning_rate": 1e-5})
    claim_folder(tmp_path, {"base": "nano-base", "learning_rate": 2e-5})  # nothing to go on with
    checkpoint(tmp_path, 10)
    claim_folder(tmp_path, {"base": "nano-base", "learning_rate": 2e-5})
    with pytest.raises(RequestError, match=r"learning_rate was 2e-05 and is 3e-05.*--output_dir"):
        claim_folder(tmp_path, {"base": "nano-base", "learning_rate": 3e-5})
