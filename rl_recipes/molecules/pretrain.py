"""Pre-training of nano-molgen on wishes and molecules, from random weights, resumable.

A row is a molecule of the pool behind a wish. At first all wishes are exact: each property of the
molecule by its value, so that the generator learns what the words mean. More and more of them are
drawn near the molecule, which meets each range about half of the time, or carelessly, near another
one: it learns not to care, which is what alignment is to change.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments

from judge.molecules import PROPERTIES
from judge.nano.wishes import Range, Wish, draw_wish
from judge.sft.train.checkpoints import last_whole_checkpoint
from rl_recipes.finish import train_to_end
from rl_recipes.molecules.data import card_of, chat, training_molecules
from rl_recipes.molecules.model import make_model, save_policy
from rl_recipes.molecules.tokenizer import POLICY, make_tokenizer

Batch = dict[str, torch.Tensor]
_SORTED_AT_ONCE = 16
"""Batches whose molecules are sorted by length together: little of a batch is padding then."""


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """Sizes of the run; the defaults are those of the shipped weights.

    The run ends early, when about half of what the generator writes is a molecule: there is to be
    something left to align. The share of exact wishes falls from 1 in the first step to 0 in the
    last; of the others, ``careless`` is the share that were drawn near another molecule.
    """

    steps: int = 600
    batch: int = 64
    learning_rate: float = 3e-3
    careless: float = 0.5
    save_every: int = 200
    seed: int = 0


class Batches(Dataset[Batch]):
    """One batch a step, each made when it is asked for, the same at each asking.

    A batch is ``input_ids``, ``attention_mask`` and ``labels``, of the shape (rows, tokens).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, plan: PretrainPlan) -> None:
        self._tokenizer = tokenizer
        self._plan = plan
        self._molecules = _batched_molecules(plan)
        self._policy_id = tokenizer.convert_tokens_to_ids(POLICY)

    def __len__(self) -> int:
        return len(self._molecules)

    def __getitem__(self, index: int) -> Batch:
        rng = random.Random(f"nano-molgen/{self._plan.seed}/{index}")
        exact = 1 - index / len(self)
        texts = [self._row(smiles, exact, rng) for smiles in self._molecules[index]]
        encoded = self._tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        ids, mask = encoded.input_ids, encoded.attention_mask
        is_prompt = ids.eq(self._policy_id).cumsum(dim=1).eq(0) | ids.eq(self._policy_id)
        labels = ids.masked_fill(is_prompt | mask.eq(0), -100)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def _row(self, smiles: str, exact: float, rng: random.Random) -> str:
        messages = chat(self._wish(smiles, exact, rng))
        prompt = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return f"{prompt}{smiles}{self._tokenizer.eos_token}"

    def _wish(self, smiles: str, exact: float, rng: random.Random) -> Wish:
        if rng.random() < exact:
            properties = card_of(smiles).properties
            return tuple(
                Range(name, properties[name], properties[name])
                for name in rng.sample(PROPERTIES, len(PROPERTIES))
            )
        is_careless = rng.random() < self._plan.careless
        return draw_wish(rng, card_of(rng.choice(training_molecules()) if is_careless else smiles))


def _batched_molecules(plan: PretrainPlan) -> list[Sequence[str]]:
    """SMILES of each step, epoch after epoch, those of a step about equally long."""
    rng = random.Random(f"nano-molgen/{plan.seed}")
    count = plan.steps * plan.batch
    order: list[str] = []
    while len(order) < count:
        order += rng.sample(training_molecules(), len(training_molecules()))
    pools = _cut(order[:count], plan.batch * _SORTED_AT_ONCE)
    return [rows for pool in pools for rows in _cut(sorted(pool, key=len), plan.batch)]


def _cut(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def pretrain(plan: PretrainPlan, work: Path, folder: Path) -> None:
    """Trains and writes the checkpoint to ``folder``; goes on from a checkpoint in ``work``."""
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, plan.seed)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=plan.steps,
            per_device_train_batch_size=1,  # a row of the dataset is a batch
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
        train_dataset=Batches(tokenizer, plan),
        data_collator=lambda batches: batches[0],
    )
    train_to_end(trainer, last_whole_checkpoint(work))
    save_policy(model, tokenizer, folder)
