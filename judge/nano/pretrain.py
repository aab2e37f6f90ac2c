"""Pre-training of nano-base on scenes and cards, from random weights, resumable."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
)

from judge.nano.model import PATCH, PICTURE_TOKENS
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import (
    PICTURE,
    Sample,
    chain_sample,
    long_sample,
    pairs_sample,
    short_sample,
)

Lesson = Literal["perceive", "decide", "reason"]
_LONG = {"perceive": long_sample, "decide": pairs_sample, "reason": chain_sample}


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """Sizes of the run; each step sees one batch of short prompts, if any, and one of long ones."""

    lesson: Lesson
    steps: int
    short_batch: int
    long_batch: int
    short_pictures: float
    """Share of short prompts that show a picture."""
    long_pictures: float
    """Share of long prompts that show a picture."""
    learning_rate: float
    warmup: int
    horizon: int
    """Step at which the cosine of the learning rate would end."""
    cooldown: int
    """Last steps, over which the learning rate falls linearly to zero besides."""
    pool: int = 8_000
    """Pictures drawn once and used again."""
    save_every: int = 250
    seed: int = 0
    early: int | None = None
    """Step whose weights are kept for the captioner."""

    def rate(self, step: int) -> float:
        """The learning rate at a step, as a share of ``learning_rate``."""
        if step < self.warmup:
            return step / self.warmup
        cosine = 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / (self.horizon - self.warmup)))
        return cosine * min(1.0, max(0, self.steps - step) / self.cooldown)


PERCEIVE = PretrainPlan(
    lesson="perceive",
    steps=2500,
    short_batch=32,
    long_batch=12,
    short_pictures=0.6,
    long_pictures=0.42,
    learning_rate=2e-3,
    warmup=100,
    horizon=4000,
    cooldown=750,
    early=1000,
)
"""First lesson: scenes described, noted and asked about; texts compared; cards read."""
DECIDE = PretrainPlan(
    lesson="decide",
    steps=400,
    short_batch=0,
    long_batch=48,
    short_pictures=0.0,
    long_pictures=0.0,
    learning_rate=2e-3,
    warmup=30,
    horizon=1000,
    cooldown=100,
    pool=500,
    seed=2,
)
"""Second lesson: whether two words are the same. Met in chains alone, every tenth color or shape
is still called right or wrong amiss; in pairs, with nothing else in the batch, some 250 steps do.
"""
REASON = PretrainPlan(
    lesson="reason",
    steps=1900,
    short_batch=16,
    long_batch=24,
    short_pictures=0.6,
    long_pictures=0.45,
    learning_rate=1.2e-3,
    warmup=50,
    horizon=3400,
    cooldown=1200,
    seed=1,
)
"""Third lesson: replies that go step by step."""


class PicturePool:
    """Scenes with their pictures, pre-processed once by the real image processor."""

    def __init__(self, processor: Qwen2_5_VLProcessor, size: int, seed: int) -> None:
        rng = random.Random(seed)
        self.scenes = [draw_scene(rng) for _ in range(size)]
        chunks = []
        for start in tqdm(range(0, size, 500), desc="drawing pictures", unit="x500"):
            pictures = [render(scene, rng) for scene in self.scenes[start : start + 500]]
            pixels = processor.image_processor(pictures, return_tensors="pt").pixel_values
            chunks.append(pixels.view(len(pictures), -1, pixels.shape[-1]).half())
        self.pixels = torch.cat(chunks)
        """Shape (size, 36 patches, 1176 values)."""


def encode(
    samples: Sequence[tuple[Sample, torch.Tensor | None]], tokenizer: PreTrainedTokenizerFast
) -> dict[str, torch.Tensor]:
    """Model inputs of samples with their pictures (36 patches each), padded on the right.

    Labels cover the reply and its end token alone.
    """
    chats = [chat(sample) for sample, _ in samples]
    prompts: Any = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    placeholder = "<|vision_start|>" + "<|image_pad|>" * PICTURE_TOKENS + "<|vision_end|>"
    prompts = [
        prompt.replace("<|vision_start|><|image_pad|><|vision_end|>", placeholder)
        for prompt in prompts
    ]
    prompt_ids = tokenizer(prompts).input_ids
    reply_ids = tokenizer([sample.reply + tokenizer.eos_token for sample, _ in samples]).input_ids
    length = max(len(p) + len(r) for p, r in zip(prompt_ids, reply_ids, strict=True))
    ids = torch.full((len(samples), length), tokenizer.pad_token_id)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, (prompt, reply) in enumerate(zip(prompt_ids, reply_ids, strict=True)):
        end = len(prompt) + len(reply)
        ids[row, :end] = torch.tensor(prompt + reply)
        labels[row, len(prompt) : end] = ids[row, len(prompt) : end]
        mask[row, :end] = 1
    batch = {"input_ids": ids, "labels": labels, "attention_mask": mask}
    pictures = [picture for _, picture in samples if picture is not None]
    if pictures:
        batch["pixel_values"] = torch.cat(pictures).float()
        side = 3 * 28 // PATCH
        batch["image_grid_thw"] = torch.tensor([[1, side, side]] * len(pictures))
        image_token = tokenizer.get_vocab()["<|image_pad|>"]
        batch["mm_token_type_ids"] = torch.eq(ids, image_token).long()
    return batch


def chat(sample: Sample) -> list[dict[str, Any]]:
    """The sample's prompt as chat messages."""
    messages: list[dict[str, Any]] = []
    if sample.system:
        messages.append({"role": "system", "content": sample.system})
    before, picture, after = sample.user.partition(PICTURE)
    content: list[dict[str, str]] = [{"type": "text", "text": before}] if before else []
    if picture:
        content.append({"type": "image"})
    if after:
        content.append({"type": "text", "text": after})
    messages.append({"role": "user", "content": content})
    return messages


class Pretrainer:
    """The training loop; :meth:`run` goes on from the last saved step of ``folder``."""

    def __init__(
        self,
        plan: PretrainPlan,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: Qwen2_5_VLProcessor,
        folder: Path,
    ) -> None:
        self.plan = plan
        self.model = model
        self.processor = processor
        self.tokenizer: PreTrainedTokenizerFast = processor.tokenizer
        self.folder = folder
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.schedule = LambdaLR(self.optimizer, plan.rate)
        self.step = 0

    def run(self, on_early: Callable[[Qwen2_5_VLForConditionalGeneration], None]) -> list[float]:
        """Trains to the plan's end; returns the losses of the steps run now.

        ``on_early`` is called with the model at the plan's ``early`` step, if it names one.
        """
        self._resume()
        plan = self.plan
        pool = PicturePool(self.processor, plan.pool, plan.seed)
        losses = []
        self.model.train()
        bar = tqdm(
            range(self.step, plan.steps),
            desc=f"nano-base, {plan.lesson}",
            unit="step",
            initial=self.step,
            total=plan.steps,
        )
        with (self.folder / "loss.jsonl").open("a", encoding="utf-8") as log:
            for self.step in bar:
                loss = self._step(pool)
                losses.append(sum(loss.values()) / len(loss))
                log.write(json.dumps({"step": self.step, **loss}) + "\n")
                bar.set_postfix({name: f"{value:.3f}" for name, value in loss.items()})
                done = self.step + 1
                if done == plan.early:
                    on_early(self.model)
                if done % plan.save_every == 0 or done == plan.steps:
                    log.flush()
                    self._save(done)
        return losses

    def _step(self, pool: PicturePool) -> dict[str, float]:
        rng = random.Random(
            f"{self.plan.seed}/{self.step}"
        )  # one stream a step: a resumed run draws the same
        losses = {}
        plan = self.plan
        for name, make, size, pictures in (
            ("short", short_sample, plan.short_batch, plan.short_pictures),
            ("long", _LONG[plan.lesson], plan.long_batch, plan.long_pictures),
        ):
            if not size:
                continue
            samples = []
            for _ in range(size):
                index = rng.randrange(len(pool.scenes))
                with_picture = rng.random() < pictures
                sample = make(rng, pool.scenes[index], with_picture)
                samples.append((sample, pool.pixels[index] if with_picture else None))
            loss = self.model(**encode(samples, self.tokenizer)).loss
            (loss * 0.5).backward()
            losses[name] = float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return losses

    def _save(self, step: int) -> None:
        state = {
            "step": step,
            "plan": asdict(self.plan),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        partial = self.folder / "state.partial"
        torch.save(state, partial)
        partial.rename(self.folder / "state.pt")

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state["plan"] != asdict(self.plan):
            raise ValueError(
                f"{path} belongs to another plan; remove {self.folder} to start afresh"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step = state["step"]
