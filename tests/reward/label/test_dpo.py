"""What was labelled goes into TRL's DPOTrainer as it is: texts, molecules, pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from PIL import Image as Pillow

from judge import load_rubric
from judge.folder import embedded_checkpoint
from reward.label.label import LabelPlan, label
from tests.reward.offline.scripted import plan_of, ring_judge, scripted_judge, write_table

CHAT = [{"role": "user", "content": "Say a number."}]
TEXTS = [
    {"prompt": f"Say number {number}.", "completions": ["score=9 yes", "score=2 no"]}
    for number in range(4)
]
CHATS = [{"prompt": CHAT, "completions": ["score=3 no", "score=8 yes"]}] * 4
MOLECULES = [{"prompt": "Make one.", "molecules": ["CCCCO", "c1ccccc1"]}] * 4


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["texts", "chats", "pictures", "molecules"])
async def test_a_trainer_takes_it(tmp_path: Path, kind: str) -> None:
    rows = {"texts": TEXTS, "chats": CHATS, "molecules": MOLECULES, "pictures": pictures(tmp_path)}
    source = write_table(tmp_path / "rows.jsonl", rows[kind])
    if kind == "molecules":
        rubric = load_rubric("molecule")
        job, judge = plan_of(source, tmp_path / "job", "pointwise", rubric=rubric), ring_judge
    else:
        job, judge = plan_of(source, tmp_path / "job"), scripted_judge
    report = await label(LabelPlan(job), judge)
    assert report.tally.kept == 4
    dataset = load_dataset(
        "parquet", data_files=str(report.data), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert math.isfinite(train(dataset, tmp_path, sees=kind == "pictures"))


def pictures(folder: Path) -> list[dict[str, Any]]:
    rows = []
    for number in range(4):
        path = folder / f"{number}.png"
        Pillow.new("RGB", (84, 84), (60 * number, 0, 0)).save(path)
        rows.append(
            {
                "prompt": "What is it?",
                "images": [str(path)],
                "completions": ["score=9 red", "score=2 blue"],
            }
        )
    return rows


def train(dataset: Any, folder: Path, *, sees: bool) -> float:
    """The loss of one step."""
    import torch
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration
    from trl import DPOConfig, DPOTrainer

    checkpoint = embedded_checkpoint("nano-captioner")
    processor = AutoProcessor.from_pretrained(checkpoint)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(
            output_dir=str(folder / "dpo"),
            max_steps=1,
            per_device_train_batch_size=2,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            dataloader_pin_memory=False,
        ),
        train_dataset=dataset,
        processing_class=processor if sees else processor.tokenizer,
    )
    return float(trainer.train().training_loss)
