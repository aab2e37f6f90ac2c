"""The nano family from nothing: one stage a function, each skipped when its result is there."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.nano.captioner import CaptionerPlan, make_captioner
from judge.nano.cards import write_card
from judge.nano.judges import JudgePlan, make_judge
from judge.nano.model import make_model, make_processor, save_checkpoint
from judge.nano.pretrain import DECIDE, PERCEIVE, REASON, Pretrainer, PretrainPlan
from judge.nano.tokenizer import train_tokenizer


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Sizes of every stage; the defaults are those of the shipped weights."""

    perceive: PretrainPlan = PERCEIVE
    decide: PretrainPlan = DECIDE
    reason: PretrainPlan = REASON
    judges: JudgePlan = field(default_factory=JudgePlan)
    captioner: CaptionerPlan = field(default_factory=CaptionerPlan)

    def quick(self, steps: int) -> BuildPlan:
        """The same stages with a few steps each, to try the whole way."""
        early = max(1, steps // 2)
        few = ("--max_steps", str(steps), "--per_device_train_batch_size", "4")
        judges = replace(self.judges, pairs=100, rows=80, options=(*self.judges.options, *few))
        return BuildPlan(
            perceive=replace(self.perceive, steps=steps, early=early, pool=64),
            decide=replace(self.decide, steps=steps, pool=64),
            reason=replace(self.reason, steps=steps, pool=64),
            judges=judges,
            captioner=replace(self.captioner, pictures=16, steps=steps, batch=4),
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
            "nano-judge": partial(self._judge, "nano-judge"),
            "nano-judge-answer-first": partial(self._judge, "nano-judge-answer-first"),
            "nano-captioner": self._captioner,
        }
        self._claim()
        seconds = {}
        for name, stage in tqdm(stages.items(), desc="nano family", unit="model"):
            started = time.monotonic()
            if not (self.out / name / "config.json").is_file():
                # Written beside its place and moved there whole, so that a kill leaves none half.
                unfinished = self.work / f"{name}.partial"
                shutil.rmtree(unfinished, ignore_errors=True)
                stage(unfinished)
                write_card(name, unfinished)
                self.out.mkdir(parents=True, exist_ok=True)
                shutil.move(unfinished, self.out / name)
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
        for plan in (self.plan.perceive, self.plan.decide, self.plan.reason):
            trainer = Pretrainer(plan, model, self.processor, self.work / plan.lesson)
            trainer.run(on_early=lambda early: save_checkpoint(early, self.processor, self._early))
        save_checkpoint(model, self.processor, folder)

    def _judge(self, name: str, folder: Path) -> None:
        make_judge(name, self.out / "nano-base", self.plan.judges, self.work, folder)

    def _captioner(self, folder: Path) -> None:
        make_captioner(self._early, self.plan.captioner, self.work / "nano-captioner", folder)

    @property
    def _early(self) -> Path:
        return self.work / "nano-base-early"
