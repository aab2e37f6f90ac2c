"""The captioning recipe's own parts, without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge.errors import EngineError
from judge.nano.scenes import caption
from judge.verdicts import Reason
from reward import Reward
from rl_recipes.captioning.data import held_out, training_pictures
from rl_recipes.captioning.demo import table
from rl_recipes.captioning.evaluate import CaptionReport, true_accuracy
from rl_recipes.captioning.report import plot_history, write_page
from rl_recipes.serving import reward_server


def test_held_out_pictures_are_not_training_pictures() -> None:
    train = {image.tobytes() for image in training_pictures(300, seed=0)["image"]}
    assert not train & {row.picture.tobytes() for row in held_out(100)}


def test_true_accuracy_is_one_for_the_truth_and_less_for_another_scenes_caption() -> None:
    rows = held_out(50)
    right = [caption(row.scene) for row in rows]
    assert true_accuracy(rows, right) == 1.0
    assert true_accuracy(rows, right[1:] + right[:1]) < 0.6


def test_the_page_shows_text_as_text_and_unjudged_as_unjudged(tmp_path: Path) -> None:
    rows = held_out(2)
    captions = ("<script>alert(1)</script>", "a red circle")
    rewards = (
        Reward(None, reason=Reason.TRUNCATED, rationale="cut"),
        Reward(0.5, score=5.5, rationale="wrong 2 of 8."),
    )
    report = CaptionReport(0.5, 1.0, 0.5, 0.5, captions, rewards)
    write_page(rows, report, report, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "unjudged (truncated)" in page
    assert caption(rows[0].scene) in page


def test_a_plot_is_drawn_from_whatever_was_logged(tmp_path: Path) -> None:
    plot_history([], tmp_path / "empty.png")
    history = [{"step": 0, "true_accuracy": 0.5}, {"step": 1, "reward": 0.4}]
    plot_history(history, tmp_path / "some.png")
    for name in ("empty.png", "some.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_table_shows_a_missing_reward_as_missing() -> None:
    names = ("true_accuracy", "reward", "length_ratio")
    summary = {f"{name}_{when}": 0.5 for name in names for when in ("before", "after")}
    shown = table(
        {
            **summary,
            "reward_after": None,
            "unjudged_rate": 1.0,
            "seconds": 3,
            "judge": "x",
            "seed": 0,
        }
    )
    assert "0.500        –" in shown
    assert "unjudged 100.00%" in shown


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineError, match="no judge 'no-such-judge'"),
        reward_server("no-such-judge", tmp_path / "log"),
    ):
        pass
