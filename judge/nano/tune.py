"""Fine-tuning by TRL's SFTTrainer: into a judge on text alone, and into a captioner."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration
from trl import SFTConfig, SFTTrainer

from judge.folder import FILE, builtin_profile, profile_path
from judge.nano.captions import sloppy_caption
from judge.nano.judging import Kind, judging_sample, training_row
from judge.nano.model import save_checkpoint
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION


@dataclass(frozen=True, slots=True)
class TunePlan:
    """Sizes of one fine-tuning run."""

    steps: int
    batch: int = 32
    learning_rate: float = 5e-4
    freeze_vision: bool = True
    seed: int = 0


_MOLECULE_SHARE = 0.3
_MAX_LENGTH = 1024


def judging_rows(profile: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Judging samples in the profile's prompts, as training rows. None of them shows a picture.

    A profile whose reply is opened with reasoning is trained to reason, another to answer at once.
    """
    rng = random.Random(f"judging/{seed}")
    prompts = builtin_profile(profile)
    kinds: tuple[Kind, ...] = ("text", "molecule")
    return [
        training_row(judging_sample(rng, kind), prompts)
        for kind in rng.choices(kinds, weights=(1 - _MOLECULE_SHARE, _MOLECULE_SHARE), k=count)
    ]


def captioning_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Pictures with a careless annotator's captions, as training rows."""
    rng = random.Random(f"captioning/{seed}")
    rows = []
    for _ in range(count):
        scene = draw_scene(rng)
        rows.append(
            {
                "prompt": [{"role": "user", "content": CAPTION_INSTRUCTION}],
                "completion": [{"role": "assistant", "content": sloppy_caption(scene, rng)}],
                "images": [render(scene, rng)],
            }
        )
    return rows


def fine_tune(base: Path, rows: list[dict[str, Any]], plan: TunePlan, work: Path) -> SFTTrainer:
    """Trains on the rows, the loss on the replies alone; goes on from a checkpoint in ``work``."""
    processor = AutoProcessor.from_pretrained(base)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    if plan.freeze_vision:
        model.model.visual.requires_grad_(False)
    has_pictures = "images" in rows[0]
    config = SFTConfig(
        output_dir=str(work),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, plan.steps // 20),
        weight_decay=1e-4,
        max_length=None if has_pictures else _MAX_LENGTH,
        completion_only_loss=True,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        seed=plan.seed,
        logging_steps=10,
        save_steps=100,
        save_total_limit=1,
        report_to="none",
        dataloader_pin_memory=False,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=processor if has_pictures else processor.tokenizer,
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(work))
    return trainer


def last_whole_checkpoint(folder: Path) -> str | None:
    """A trainer's last checkpoint; one that a kill left half written is passed over."""
    whole = [state.parent for state in folder.glob("checkpoint-*/trainer_state.json")]
    last = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if last is None else str(last)


def save_tuned(trainer: SFTTrainer, base: Path, folder: Path) -> None:
    """Writes the tuned model, with the processor of its base."""
    model = trainer.model
    assert isinstance(model, Qwen2_5_VLForConditionalGeneration)
    save_checkpoint(model, AutoProcessor.from_pretrained(base), folder)


def save_judge(trainer: SFTTrainer, base: Path, profile: str, folder: Path) -> None:
    """Writes a judge folder: the checkpoint, its processor and its judge.toml."""
    save_tuned(trainer, base, folder)
    shutil.copyfile(profile_path(profile), folder / FILE)
