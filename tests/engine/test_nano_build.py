"""The nano family is built from nothing, and its loss falls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from judge.folder import builtin_profile, embedded_checkpoint, open_judge
from judge.nano.build import Builder, BuildPlan
from judge.nano.model import make_model, make_processor
from judge.nano.pretrain import PERCEIVE, Pretrainer, PretrainPlan
from judge.nano.tokenizer import train_tokenizer
from judge.sft.samples import TRAIN, read_rows


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_pretraining_lowers_the_loss_and_resumes_where_it_was(tmp_path: Path) -> None:
    plan = replace(
        PERCEIVE, steps=20, early=16, short_batch=8, long_batch=4, pool=64, warmup=3, save_every=12
    )
    processor = make_processor(train_tokenizer(samples=300))

    def trainer(of: PretrainPlan, folder: str) -> Pretrainer:
        return Pretrainer(of, make_model(processor.tokenizer), processor, tmp_path / folder)

    early = []
    losses = trainer(plan, "whole").run(on_early=early.append)
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    assert len(early) == 1

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(plan, "killed").run(on_early=killed)
    resumed = trainer(plan, "killed").run(on_early=early.append)
    assert resumed == pytest.approx(losses[12:], rel=1e-3), "behind step 12, as if never killed"
    assert trainer(plan, "killed").run(on_early=early.append) == []
    with pytest.raises(ValueError, match="another plan"):
        trainer(replace(plan, seed=1), "killed").run(on_early=early.append)


def test_every_stage_builds_a_model_that_loads(tmp_path: Path) -> None:
    out = tmp_path / "nano"
    plan = BuildPlan().quick(steps=2)
    Builder(plan, out, out / "work").run()
    for name in ("nano-judge", "nano-judge-answer-first"):
        assert open_judge(out / name).profile == builtin_profile(name)
        assert listing(out / name) == listing(embedded_checkpoint(name))
        data = out / "work" / name / "data"
        assert len(list(read_rows(data / TRAIN))) == plan.judges.rows
        stages = json.loads((data / "funnel.json").read_text())["stages"]
        dropped = {stage["stage"]: stage["dropped"] for stage in stages}
        assert dropped["teacher agrees"].keys() == {"disagrees"}, "the teacher slips"
    for name in ("nano-base", "nano-judge", "nano-judge-answer-first", "nano-captioner"):
        assert json.loads((out / name / "config.json").read_text())["model_type"] == "qwen2_5_vl"
        assert (out / name / "README.md").is_file()
    again = Builder(plan, out, out / "work").run()
    assert max(again.values()) < 1, "what is there is not built again"
