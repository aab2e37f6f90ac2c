"""One fine-tuning run: from curated rows and a base to a judge's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_utils import TrainOutput
from trl import ModelConfig, SFTConfig

from judge.profile import JudgeProfile, parse_profile
from judge.sft.train.arguments import AGREEMENT, JudgeSftArguments
from judge.sft.train.base import Base, adapter_config, find_base, load_model
from judge.sft.train.card import write_card
from judge.sft.train.checkpoints import claim_folder, last_whole_checkpoint
from judge.sft.train.data import JudgingData, data_files, make_dataset, read_data
from judge.sft.train.evaluate import spread
from judge.sft.train.judge_file import find_profile, judge_file
from judge.sft.train.options import check_options, check_picture_options, telling_settings
from judge.sft.train.report import SftReport
from judge.sft.train.save import MERGED, save_merged, save_weights, write_judge_file
from judge.sft.train.trainer import HeldOut, JudgeSftTrainer


def run_sft(arguments: JudgeSftArguments, config: SFTConfig, model: ModelConfig) -> SftReport:
    """Trains, judges held-out rows, and writes a judge's folder to ``config.output_dir``.

    Goes on from the folder's last whole checkpoint, if it has one. To be called in every process of
    a distributed run.

    Raises:
        RequestError: options that do not go together, or data that cannot be trained on.
        JudgeFolderError: no such profile.
    """
    return _Run.prepared(arguments, config, model).run()


@dataclass(frozen=True, slots=True)
class _Run:
    """All that a run takes, read and checked; ``settings`` are what its weights depend on."""

    arguments: JudgeSftArguments
    config: SFTConfig
    model: ModelConfig
    profile: JudgeProfile
    base: Base
    processor: Any
    source: Path
    data: JudgingData
    held_out: JudgingData | None
    settings: dict[str, Any]

    @classmethod
    def prepared(cls, arguments: JudgeSftArguments, config: SFTConfig, model: ModelConfig) -> _Run:
        profile, base = find_profile(arguments.profile), find_base(model)
        train_file, held_out_file = data_files(arguments.data, arguments.validation)
        check_options(arguments, config, model, is_held_out=held_out_file is not None)
        processor = base.processor()
        data = read_data(train_file, processor, config.max_length)
        if data.shows_pictures:
            check_picture_options(base, config)
        held_out = None
        if held_out_file is not None:
            held_out = read_data(held_out_file, processor, config.max_length)
        settings = telling_settings(arguments, config, model, base=base, train_file=train_file)
        return cls(
            arguments=arguments,
            config=config,
            model=model,
            profile=profile,
            base=base,
            processor=processor,
            source=train_file.parent,
            data=data,
            held_out=held_out,
            settings=settings,
        )

    @property
    def out(self) -> Path:
        return Path(self.config.output_dir or "").resolve()

    def run(self) -> SftReport:
        with self.config.main_process_first(desc="claiming the output folder"):
            if self.config.process_index == 0:
                claim_folder(self.out, self.settings)
        trainer = self._trainer()
        resume = self.config.resume_from_checkpoint or last_whole_checkpoint(self.out)
        begun = _step_of(resume) if resume else 0
        trained = trainer.train(resume_from_checkpoint=resume)
        report = self._report(trainer, trained, begun)
        self._save(trainer, report)
        return report

    def _trainer(self) -> JudgeSftTrainer:
        arguments, config = self.arguments, self.config
        judged = spread(self.held_out.rows, arguments.judge_eval_samples) if self.held_out else ()
        if config.metric_for_best_model == AGREEMENT and not judged:
            config.metric_for_best_model, config.greater_is_better = "eval_loss", False
        if not self.data.shows_pictures and not arguments.freeze_vision:
            # The towers get no gradients, as no row shows anything.
            config.ddp_find_unused_parameters = True
        loaded = load_model(self.base, self.model, config, arguments.freeze_vision)
        return JudgeSftTrainer(
            held_out=HeldOut(judged, self.profile, self.processor) if judged else None,
            model=loaded,
            args=config,
            train_dataset=make_dataset(self.data),
            eval_dataset=make_dataset(self.held_out) if self.held_out else None,
            # With a processor TRL takes text rows for rows about pictures.
            processing_class=(
                self.processor
                if self.data.shows_pictures
                else getattr(self.processor, "tokenizer", self.processor)
            ),
            peft_config=adapter_config(self.model, loaded, arguments.freeze_vision),
        )

    def _report(self, trainer: JudgeSftTrainer, trained: TrainOutput, begun: int) -> SftReport:
        seconds = trained.metrics["train_runtime"]
        held_out = self.held_out
        return SftReport(
            output=str(self.out),
            base=self.base.name,
            rows=len(self.data.rows),
            held_out_rows=len(held_out.rows) if held_out else 0,
            too_long=self.data.too_long,
            held_out_too_long=held_out.too_long if held_out else (),
            tokens=sum(self.data.tokens),
            steps=trainer.state.global_step,
            resumed_from=begun,
            best_step=_best_step(trainer),
            train_loss=trained.training_loss,
            seconds=seconds,
            tokens_per_s=trainer.tokens_trained / seconds,
            held_out=_held_out_figures(trainer) if held_out else {},
        )

    def _save(self, trainer: JudgeSftTrainer, report: SftReport) -> None:
        out, arguments = self.out, self.arguments
        dtype: torch.dtype = getattr(torch, arguments.save_dtype)
        save_weights(trainer, self.base, dtype, out)
        trainer.save_state()
        if trainer.is_world_process_zero():
            folders = [out]
            if arguments.merge_adapter:
                save_merged(self.base, dtype, out)
                folders.append(out / MERGED)
            text = judge_file(self.profile, arguments.judge_name or out.name, self.base.name)
            for folder in folders:
                write_judge_file(text, folder)
                write_card(folder, report, parse_profile(text), self.settings, data=self.source)
            report.write()
        trainer.accelerator.wait_for_everyone()


def _step_of(checkpoint: str) -> int:
    """How many steps a checkpoint's weights have had."""
    state = json.loads((Path(checkpoint) / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])


def _best_step(trainer: JudgeSftTrainer) -> int | None:
    """The step whose weights the model has, where the best ones were looked for and saved."""
    checkpoint = trainer.state.best_model_checkpoint
    return _step_of(checkpoint) if trainer.args.load_best_model_at_end and checkpoint else None


def _held_out_figures(trainer: JudgeSftTrainer) -> dict[str, float]:
    """Figures of the weights as they are now: of the evaluation that already saw them, or anew."""
    state = trainer.state
    step = _best_step(trainer) or state.global_step
    seen = [each for each in state.log_history if each["step"] == step and "eval_loss" in each]
    figures = seen[-1] if seen else trainer.evaluate()
    return {
        name: value
        for name, value in figures.items()
        if name == "eval_loss" or name.startswith("eval_judge_")
    }
