"""A run that lost its reward ends, and one with a bad batch does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from reward.errors import ServerNotReadyError
from rl_recipes.unrewarded import EndUnrewarded


@pytest.fixture
def end(tmp_path: Path) -> EndUnrewarded:
    return EndUnrewarded(2, tmp_path)


def log(end: EndUnrewarded, folder: Path, **logs: float) -> bool:
    """Logs, at a step that is to be saved; whether it still is."""
    arguments = TrainingArguments(output_dir=str(folder), report_to="none", use_cpu=True)
    named = {name.replace("__", "/"): value for name, value in logs.items()}
    control = TrainerControl(should_save=True)
    end.on_log(arguments, TrainerState(global_step=7), control, named)
    return control.should_save


def test_logs_in_a_row_without_a_judged_sample_end_it(end: EndUnrewarded, tmp_path: Path) -> None:
    log(end, tmp_path, caption__unjudged_rate=1.0)
    log(end, tmp_path, watch__words=5.0)  # between them, of something else
    with pytest.raises(ServerNotReadyError, match=r"up to step 7, 2 logs .* the same command goes"):
        log(end, tmp_path, caption__unjudged_rate=1.0)


def test_one_judged_sample_is_a_sign_of_life(end: EndUnrewarded, tmp_path: Path) -> None:
    for _ in range(3):
        assert not log(end, tmp_path, caption__unjudged_rate=1.0), "nothing to go on from"
        assert log(end, tmp_path, caption__unjudged_rate=0.98)


def test_one_of_two_rewards_is_enough(end: EndUnrewarded, tmp_path: Path) -> None:
    for _ in range(3):
        log(end, tmp_path, a__unjudged_rate=1.0, b__unjudged_rate=0.5)


def test_a_step_that_logs_no_rate_is_not_saved_either(end: EndUnrewarded, tmp_path: Path) -> None:
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    log(end, tmp_path, caption__unjudged_rate=1.0)
    assert not log(end, tmp_path, loss=0.1), "its samples are those of the step before"
    control = TrainerControl(should_save=True)
    end.on_step_end(arguments, TrainerState(global_step=8), control)
    assert not control.should_save
    log(end, tmp_path, caption__unjudged_rate=0.0)
    assert log(end, tmp_path, loss=0.1)
