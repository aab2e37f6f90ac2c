"""The nano family from nothing: one stage a function, each skipped when its result is there."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.nano.cards import write_card
from judge.nano.model import make_model, make_processor, save_checkpoint
from judge.nano.pretrain import PERCEIVE, REASON, Pretrainer, PretrainPlan
from judge.nano.tokenizer import train_tokenizer
from judge.nano.tune import (
    TunePlan,
    captioning_rows,
    fine_tune,
    judging_rows,
    save_judge,
    save_tuned,
)


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Sizes of every stage; the defaults are those of the shipped weights."""

    perceive: PretrainPlan = PERCEIVE
    reason: PretrainPlan = REASON
    judge: TunePlan = field(default_factory=lambda: TunePlan(steps=350))
    answer_first: TunePlan = field(default_factory=lambda: TunePlan(steps=350))
    captioner: TunePlan = field(default_factory=lambda: TunePlan(steps=100, freeze_vision=False))
    rows: int = 11_200
    """Judging rows: each is seen once."""
    pictures: int = 3_200
    """Captioned pictures for the captioner."""

    def quick(self, steps: int) -> BuildPlan:
        """The same stages with a few steps each, to try the whole way."""
        early = max(1, steps // 2)
        return BuildPlan(
            perceive=replace(self.perceive, steps=steps, early=early, pool=64),
            reason=replace(self.reason, steps=steps, pool=64),
            judge=replace(self.judge, steps=steps, batch=4),
            answer_first=replace(self.answer_first, steps=steps, batch=4),
            captioner=replace(self.captioner, steps=steps, batch=4),
            rows=80,
            pictures=16,
        )


class Builder:
    """Builds into ``out`` (one checkpoint folder a model), with unfinished work in ``work``."""

    def __init__(self, plan: BuildPlan, out: Path, work: Path) -> None:
        self.plan = plan
        self.out = out
        self.work = work
        self.processor = make_processor(train_tokenizer())

    def run(self) -> dict[str, float]:
        """Runs the stages that have no result yet; returns seconds by stage."""
        stages: dict[str, Callable[[Path], None]] = {
            "nano-base": self._base,
            "nano-judge": self._judge,
            "nano-judge-answer-first": self._answer_first,
            "nano-captioner": self._captioner,
        }
        self._claim()
        seconds = {}
        for name, stage in tqdm(stages.items(), desc="nano family", unit="model"):
            started = time.monotonic()
            if not (self.out / name / "config.json").is_file():
                # Written beside its place and moved there whole, so that a kill leaves none half.
                partial = self.work / f"{name}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                stage(partial)
                write_card(name, partial)
                self.out.mkdir(parents=True, exist_ok=True)
                shutil.move(partial, self.out / name)
            seconds[name] = time.monotonic() - started
        return seconds

    def _claim(self) -> None:
        """Notes the plan in ``work``; another plan's work is not gone on with.

        Raises:
            RequestError: ``work`` belongs to another plan.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        path, text = self.work / "plan.json", json.dumps(asdict(self.plan), indent=2)
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            raise RequestError(f"{self.out} holds models of another plan; build to another --out")
        path.write_text(text, encoding="utf-8")

    def _base(self, folder: Path) -> None:
        model = make_model(self.processor.tokenizer, self.plan.perceive.seed)
        for plan in (self.plan.perceive, self.plan.reason):
            trainer = Pretrainer(plan, model, self.processor, self.work / plan.lesson)
            trainer.run(on_early=lambda early: save_checkpoint(early, self.processor, self._early))
        save_checkpoint(model, self.processor, folder)

    def _judge(self, folder: Path) -> None:
        self._tune_judge("nano-judge", self.plan.judge, folder)

    def _answer_first(self, folder: Path) -> None:
        self._tune_judge("nano-judge-answer-first", self.plan.answer_first, folder)

    def _tune_judge(self, profile: str, plan: TunePlan, folder: Path) -> None:
        base = self.out / "nano-base"
        rows = judging_rows(profile, self.plan.rows, plan.seed)
        trainer = fine_tune(base, rows, plan, self.work / profile)
        save_judge(trainer, base, profile, folder)

    def _captioner(self, folder: Path) -> None:
        rows = captioning_rows(self.plan.pictures, self.plan.captioner.seed)
        trainer = fine_tune(self._early, rows, self.plan.captioner, self.work / "nano-captioner")
        save_tuned(trainer, self._early, folder)

    @property
    def _early(self) -> Path:
        return self.work / "nano-base-early"
