"""The captioner: nano-base fine-tuned on pictures with a careless annotator's captions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration
from trl import SFTConfig, SFTTrainer

from judge.nano.captions import sloppy_caption
from judge.nano.model import save_checkpoint
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.sft.train.checkpoints import last_whole_checkpoint
from judge.sft.train.names import take_names_of_files


@dataclass(frozen=True, slots=True)
class CaptionerPlan:
    """Sizes of the captioner's fine-tuning; the defaults are those of the shipped weights.

    ``pictures`` are drawn and captioned, ``batch`` of them are seen a step.
    """

    pictures: int = 3_200
    steps: int = 100
    batch: int = 32
    learning_rate: float = 5e-4
    seed: int = 0


def make_captioner(base: Path, plan: CaptionerPlan, work: Path, folder: Path) -> None:
    """Fine-tunes the base and writes the checkpoint, with the base's processor, to ``folder``.

    Goes on from a checkpoint in ``work``.
    """
    processor = AutoProcessor.from_pretrained(base)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    take_names_of_files(model)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(work),
            max_steps=plan.steps,
            per_device_train_batch_size=plan.batch,
            learning_rate=plan.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, plan.steps // 20),
            weight_decay=1e-4,
            max_length=None,
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
        ),
        train_dataset=Dataset.from_list(captioning_rows(plan.pictures, plan.seed)),
        processing_class=processor,
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(work))
    save_checkpoint(model, processor, folder)


def captioning_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Pictures with their captions as TRL's conversational prompt/completion rows."""
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
