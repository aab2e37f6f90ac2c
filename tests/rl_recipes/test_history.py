"""What a run logged, in a file that survives kills."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import TrainerControl, TrainerState, TrainingArguments

from rl_recipes.history import History, joined_histories, last_step, read_history
from rl_recipes.plots import plot_history


def state(step: int, *, is_first: bool = True) -> TrainerState:
    return TrainerState(global_step=step, is_world_process_zero=is_first)


def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")


def test_lines_behind_the_checkpoint_and_a_torn_one_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    lines = "".join(json.dumps({"step": step, "reward": step / 10}) + "\n" for step in (1, 2, 3))
    path.write_text(lines + '{"step": 4, "rew')
    history, args, control = History(path), arguments(tmp_path), TrainerControl()
    history.on_train_begin(args, state(2), control)
    history.on_log(args, state(3), control, {"reward": 0.9})
    assert [(row["step"], row["reward"]) for row in read_history(path)] == [
        (1, 0.1),
        (2, 0.2),
        (3, 0.9),
    ]


def test_one_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history, args = History(path), arguments(tmp_path)
    history.on_train_begin(args, state(0, is_first=False), TrainerControl())
    history.on_log(args, state(1, is_first=False), TrainerControl(), {"reward": 1.0})
    assert not path.exists()
    assert read_history(path) == []


def test_histories_that_follow_each_other_count_on() -> None:
    first = [{"step": 0, "watch/x": 1.0}, {"step": 2, "loss": 3.0}]
    joined = joined_histories([first, [], [{"step": 0}, {"step": 1, "loss": 2.0}]])
    assert joined == [*first, {"step": 2}, {"step": 3, "loss": 2.0}]
    assert (last_step(joined), last_step([])) == (3, 0)


def test_a_plot_is_drawn_from_whatever_was_logged(tmp_path: Path) -> None:
    plot_history([], tmp_path / "empty.png", title="nothing")
    history = [
        {"step": 0, "watch/true_accuracy": 0.5, "watch/words": 19.0},
        {"step": 1, "reward": 0.4},
        {"step": 2, "watch/true_accuracy": 0.7, "watch/words": 21.0, "reward": 0.5},
        {"step": 3, "reward": None},
    ]
    plot_history(history, tmp_path / "grpo.png", title="grpo", labels={"words": "length"})
    plot_history([{"step": 1, "rewards/accuracies": 0.5}], tmp_path / "dpo.png", title="dpo")
    for name in ("empty", "grpo", "dpo"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
