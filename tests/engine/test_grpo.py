"""TRL's GRPO on the embedded captioner, rewarded by the real judge over a real socket."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from judge.folder import embedded_checkpoint
from rl_recipes.captioning.data import held_out, training_pictures
from rl_recipes.captioning.grpo import GrpoPlan, train
from tests.live import LiveJudge

pytestmark = pytest.mark.engine


def test_a_few_steps_train_log_and_resume(live: LiveJudge, tmp_path: Path) -> None:
    policy = embedded_checkpoint("nano-captioner")
    plan = GrpoPlan(steps=2, prompts=2, group=4, pictures=8, watch_every=2, save_every=2)
    train(policy, plan, live.url, tmp_path, held_out(4))
    train(policy, GrpoPlan(**{**_fields(plan), "steps": 3}), live.url, tmp_path, held_out(4))
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if "reward" in row]
    assert steps == [1, 2, 3], "the second run went on behind the first one's checkpoint"
    for row in rows:
        if "reward" in row:
            assert math.isfinite(row["reward"])
            assert 0 <= row["reward"] <= 1
            assert 0 <= row["judge/unjudged_rate"] <= 1
            assert 0 <= row["judge/zero_variance_rate"] <= 1
    assert [row["step"] for row in rows if "true_accuracy" in row] == [0, 2]


def test_training_rows_hold_nothing_of_the_truth() -> None:
    assert training_pictures(4, seed=0).column_names == ["prompt", "image"]


def _fields(plan: GrpoPlan) -> dict[str, float]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}
