"""Pre-training of nano-molgen on wishes and molecules, from random weights, resumable.

A row is a molecule of the pool behind a wish that was drawn near it, so that it meets each of the
ranges about half of the time: the generator learns the form of molecules and an inkling of wishes,
and has room to be aligned.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments

from judge.nano.wishes import draw_wish
from judge.sft.train.checkpoints import last_whole_checkpoint
from rl_recipes.molecules.data import card_of, chat, training_molecules
from rl_recipes.molecules.model import make_model, save_policy
from rl_recipes.molecules.tokenizer import make_tokenizer

Encoded = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """Sizes of the run; the defaults are those of the shipped weights.

    ``careless`` is the share of rows whose wish was drawn near another molecule.
    """

    steps: int = 1500
    batch: int = 64
    learning_rate: float = 3e-3
    careless: float = 0.0
    save_every: int = 250
    seed: int = 0


class WishRows(Dataset[Encoded]):
    """Rows of one epoch after another, each drawn when it is asked for, the same at each asking."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, plan: PretrainPlan) -> None:
        self._tokenizer = tokenizer
        self._plan = plan

    def __len__(self) -> int:
        return self._plan.steps * self._plan.batch

    def __getitem__(self, index: int) -> Encoded:
        molecules = training_molecules()
        rng = random.Random(f"nano-molgen/{self._plan.seed}/{index}")
        smiles = molecules[index % len(molecules)]
        near = rng.choice(molecules) if rng.random() < self._plan.careless else smiles
        messages = chat(draw_wish(rng, card_of(near)))
        prompt = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        prompt_ids = self._tokenizer(prompt).input_ids
        reply_ids = self._tokenizer(smiles + self._tokenizer.eos_token).input_ids
        return {
            "input_ids": prompt_ids + reply_ids,
            "labels": [-100] * len(prompt_ids) + reply_ids,
        }


def pretrain(plan: PretrainPlan, work: Path, folder: Path) -> None:
    """Trains and writes the checkpoint to ``folder``; goes on from a checkpoint in ``work``."""
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, plan.seed)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=plan.steps,
            per_device_train_batch_size=plan.batch,
            learning_rate=plan.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, plan.steps // 20),
            adam_beta2=0.98,
            weight_decay=0.01,
            use_cpu=not torch.cuda.is_available(),
            seed=plan.seed,
            logging_steps=50,
            save_steps=plan.save_every,
            save_total_limit=1,
            report_to="none",
            dataloader_pin_memory=False,
        ),
        train_dataset=WishRows(tokenizer, plan),
        data_collator=lambda rows: _pad(rows, tokenizer.pad_token_id),
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(work))
    save_policy(model, tokenizer, folder)


def _pad(rows: Sequence[Encoded], pad: int) -> dict[str, torch.Tensor]:
    """Rows as one batch, filled up on the right."""
    length = max(len(row["input_ids"]) for row in rows)

    def fill(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (length - len(row[name])) for row in rows])

    ids = fill("input_ids", pad)
    return {
        "input_ids": ids,
        "labels": fill("labels", -100),
        "attention_mask": ids.ne(pad).long(),
    }
