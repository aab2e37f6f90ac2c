"""The watch over reward hacking: what counts as parted, and what happens then."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from rl_recipes.history import WATCH
from rl_recipes.watch import Control, Look, RewardWatch, parted

TRUTH = Control("truth", "follows", slack=0.1)
LENGTH = Control("length", "stays", slack=5.0)


def looks(*pairs: tuple[float, float]) -> list[Look]:
    return [Look(reward, value) for reward, value in pairs]


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([(0.4, 0.4)], None),
        ([(0.4, 0.4), (0.8, 0.8)], None),
        ([(0.4, 0.4), (0.45, 0.38)], None),  # little risen yet
        ([(0.4, 0.4), (0.2, 0.1)], None),  # both fall: no hacking, if no success
        ([(0.4, 0.4), (0.6, 0.4)], "did not"),
        ([(0.4, 0.4), (0.6, 0.3)], "did not"),
        ([(0.4, 0.4), (0.6, 0.8), (0.7, 0.6)], "fell from 0.8 to 0.6"),
        ([(0.4, 0.4), (0.6, 0.8), (0.7, 0.75)], None),  # within the slack
        ([(0.4, 0.4), (0.6, 0.8), (0.5, 0.6)], None),  # the reward fell as well
    ],
)
def test_what_should_follow_the_reward(pairs: list[tuple[float, float]], found: str | None) -> None:
    warning = parted(TRUTH, looks(*pairs), rise=0.1)
    assert (warning is None) == (found is None)
    assert (found or "") in (warning or "")


@pytest.mark.parametrize(("value", "is_parted"), [(10, False), (15, False), (16, True), (4, True)])
def test_what_should_stay_where_it_was(value: float, is_parted: bool) -> None:
    assert (parted(LENGTH, looks((0.4, 10), (0.5, value)), rise=0.1) is not None) == is_parted


class Run:
    """Feeds a watch as a trainer does: a look at the start, then five steps before each look."""

    def __init__(self, watch: RewardWatch) -> None:
        self.watch = watch
        self.state = TrainerState(global_step=0)
        self.control = TrainerControl()
        self.args: Any = None  # the watch does not read them

    def log(self, **logs: float | None) -> None:
        self.watch.on_log(self.args, self.state, self.control, logs=logs)

    def look(self, reward: float | None, **values: float) -> None:
        if reward is not None:
            for _ in range(5):
                self.state.global_step += 1
                self.log(reward=reward)
        self.log(**{f"{WATCH}{name}": value for name, value in values.items()})


def run(watch: RewardWatch, seen: Sequence[tuple[float | None, float]]) -> Run:
    fed = Run(watch)
    for reward, value in seen:
        fed.look(reward, truth=value)
    return fed


def test_a_hacked_reward_is_warned_of_after_patience(caplog: pytest.LogCaptureFixture) -> None:
    watch = RewardWatch([TRUTH], patience=2)
    with caplog.at_level(logging.WARNING):
        run(watch, [(None, 0.4), (0.4, 0.42), (0.6, 0.35)])
        assert not watch.warnings  # one look may be noise
        fed = run(watch, [(0.8, 0.3)])
    assert len(watch.warnings) == 1
    assert "truth did not: 0.4 to 0.3" in caplog.text
    assert not fed.control.should_training_stop


def test_a_run_can_be_stopped(caplog: pytest.LogCaptureFixture) -> None:
    watch = RewardWatch([TRUTH], patience=1, stop=True)
    fed = run(watch, [(None, 0.4), (0.4, 0.4), (0.7, 0.2)])
    assert fed.control.should_training_stop
    assert "training stops" in caplog.text


def test_a_run_that_does_what_it_should_is_not_warned_of() -> None:
    watch = RewardWatch([TRUTH], patience=1)
    run(watch, [(None, 0.4), (0.4, 0.45), (0.5, 0.5), (0.7, 0.65), (0.8, 0.8)])
    assert not watch.warnings


def test_a_control_that_recovers_starts_the_patience_anew() -> None:
    watch = RewardWatch([LENGTH], patience=2)
    fed = Run(watch)
    fed.look(None, length=10)
    for value in (20, 10, 20, 10):
        fed.look(0.5, length=value)
    assert not watch.warnings


def test_figures_of_no_control_and_other_logs_are_passed_over() -> None:
    watch = RewardWatch([TRUTH])
    fed = Run(watch)
    fed.log(loss=1.0)
    fed.look(0.5, other=3.0)
    assert watch.state_dict()["values"] == {"truth": []}


def test_steps_in_which_nothing_was_judged_do_not_count() -> None:
    watch = RewardWatch([TRUTH], patience=1)
    fed = run(watch, [(None, 0.4), (0.4, 0.42)])
    fed.log(reward=None)
    fed.look(0.6, truth=0.35)
    assert watch.state_dict()["rewards"] == [0.4] * 5 + [0.6] * 5
    assert "from 0.400 to 0.600" in watch.warnings[0]


def test_dpo_is_watched_by_the_share_of_pairs_that_it_tells_right() -> None:
    watch = RewardWatch([TRUTH], patience=1)
    fed = run(watch, [(None, 0.65)])
    for share, truth in ((0.6, 0.6), (0.9, 0.55)):
        for _ in range(5):
            fed.log(**{"rewards/accuracies": share})
        fed.look(None, truth=truth)
    assert "from 0.600 to 0.900 and truth did not" in watch.warnings[0]


def test_a_resumed_run_compares_with_its_own_start() -> None:
    before = RewardWatch([TRUTH], patience=1)
    run(before, [(None, 0.4), (0.4, 0.4)])
    after = RewardWatch([TRUTH], patience=1)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    run(after, [(0.8, 0.3)])
    assert "from 0.400 to 0.800" in after.warnings[0]


@pytest.mark.parametrize("settings", [{"window": 0}, {"patience": 0}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a watch takes controls"):
        RewardWatch([TRUTH], **settings)
    with pytest.raises(ValueError, match="a watch takes controls"):
        RewardWatch([])
    with pytest.raises(ValueError, match="slack"):
        Control("x", "stays", slack=0)


def test_a_later_round_is_compared_with_the_start_of_the_first() -> None:
    before = [{f"{WATCH}length": 10.0}, *[{"reward": 0.4}] * 5, {f"{WATCH}length": 14.0}]
    watch = RewardWatch([LENGTH], patience=2)
    watch.begin_with(before)
    fed = Run(watch)
    fed.look(None, length=14.0)
    fed.look(0.5, length=16.0)
    fed.look(0.5, length=16.0)
    assert "length went from 10 to 16" in watch.warnings[0]
    alone = RewardWatch([LENGTH], patience=2)
    run_of = Run(alone)
    for _ in range(3):
        run_of.look(0.5, length=16.0)
    assert not alone.warnings
