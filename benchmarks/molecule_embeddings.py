"""What a molecule encoder is worth: the same judge trained with one and without, in one run.

Two judges learn to check wishes for molecules ("rings 2 to 3, logP 1.0 to 3.0") without the card of
computed properties in words. One reads a molecule's SMILES alone; in the other's prompt the slots
of an encoder of features stand behind it. The encoder is aligned first, on molecules alone: its
slots are fitted to the language model's own embeddings of such a card. Then it is trained together
with the judge. Both judges start as the language model of nano-judge (1 million parameters,
which knows how to check a wish against a card); data, order, steps and everything else
are the same. Both are saved as judge folders, and judge molecules that neither has seen through
vLLM: the one by token ids, the other by prompt embeddings. Run it with

    .venv/bin/python benchmarks/molecule_embeddings.py --steps 200

It is also the example of how a judge with an encoder is made. Ends with one JSON line: the share of
scores that are exactly right, Spearman's correlation with the right scores, and the share of
replies that could be read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from molecule_encoder import SLOTS, EncoderNet, aligned_encoder, card_of, features_of
from tqdm.auto import tqdm
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2_5_VLForConditionalGeneration,
)

from judge import Candidate, Judge, JudgeRequest, Rubric, load_rubric
from judge.engines.tokens import SLOT, prompt_token_ids
from judge.folder import FILE, embedded_checkpoint
from judge.nano.evaluate import KindReport, report
from judge.nano.reasoning import compare_wish
from judge.nano.wishes import draw_wish, molecule_pool, wish_text
from judge.profile import parse_profile
from judge.protocols import Pointwise

BASE = "nano-judge"
RUBRIC = Rubric("wish", load_rubric("molecule").criteria)  # admits a bare SMILES, as words
ENCODER_FILE = "molecule_encoder/model.safetensors"
ENCODER_TABLE = f"""
[molecule_encoder]
kind = "fingerprint"
file = "{ENCODER_FILE}"
slots = {SLOTS}
"""


@dataclass(frozen=True)
class Sample:
    """A request, the reply that is right, and its score."""

    request: JudgeRequest
    reply: str
    score: int


def split_pool(held_out: int) -> tuple[list[str], list[str]]:
    """Molecules to train on, and others to be judged."""
    pool = sorted(molecule_pool())
    random.Random("molecules").shuffle(pool)
    return pool[held_out:], pool[:held_out]


def draw_sample(rng: random.Random, pool: list[str], protocol: Pointwise) -> Sample:
    card = None
    while card is None:
        card = card_of(rng.choice(pool))
    wish = draw_wish(rng, card)
    by_text = protocol.molecules == "card"  # this judge is given the SMILES as words
    candidate = Candidate(f"SMILES: {card.smiles}") if by_text else Candidate(molecule=card.smiles)
    request = JudgeRequest((wish_text(wish),), (candidate,), RUBRIC)
    comparison = compare_wish(wish, card)
    score = comparison.score(*map(int, RUBRIC.scale))
    return Sample(request, protocol.format(comparison.text, (score,), request), score)


def language_model(name: str) -> LlamaForCausalLM:
    """The embedded checkpoint of that name without its eyes, in float32.

    A Qwen2 in all but name: a checkpoint that says "qwen2" is read with Qwen's way to part a text
    into words, whatever its own tokenizer.json says, and nano-judge's takes a number as one word.
    """
    whole = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        embedded_checkpoint(name), dtype=torch.float32
    )
    seen = whole.config.text_config.to_dict()
    # Without pictures, the three axes of its positions are one: plain rotary embeddings.
    seen["rope_parameters"] = {
        key: seen["rope_parameters"][key] for key in ("rope_type", "rope_theta")
    }
    names = LlamaConfig().to_dict().keys() - {"model_type", "architectures", "attention_bias"}
    known = {key: seen[key] for key in names if key in seen}
    model = LlamaForCausalLM(LlamaConfig(attention_bias=True, **known))
    weights = whole.model.language_model.state_dict()
    for layer in range(model.config.num_hidden_layers):  # Llama's attention ends with a bias
        weights[f"layers.{layer}.self_attn.o_proj.bias"] = torch.zeros(model.config.hidden_size)
    model.model.load_state_dict(weights)
    model.generation_config = whole.generation_config
    return model


def judge_toml(name: str, has_encoder: bool) -> str:
    """That of nano-judge under another name, with an encoder or without one."""
    text = Path(embedded_checkpoint(BASE), FILE).read_text(encoding="utf-8")
    view = '\nmolecules = "embeddings"' if has_encoder else ""
    named = text.replace(f'name = "{BASE}"', f'name = "molecules-by-{name}"{view}')
    return named + ENCODER_TABLE if has_encoder else named


class Trainer:
    """Trains one judge, and its encoder if it has one, and saves them as a judge folder."""

    def __init__(self, name: str, folder: Path, pool: list[str], steps: int, batch: int) -> None:
        self.folder = folder
        self.pool = pool
        self.steps = steps
        self.batch = batch
        has_encoder = name == "embeddings"
        self.toml = judge_toml(name, has_encoder)
        profile = parse_profile(self.toml)
        self.protocol = Pointwise(profile.protocols["pointwise"], profile.molecules)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(embedded_checkpoint(BASE))
        self.model = language_model(BASE)
        torch.manual_seed(0)
        self.encoder: EncoderNet | None = None
        if has_encoder:
            self.encoder = aligned_encoder(pool, self.tokenizer, self.model)

    def run(self) -> float:
        """Trains and saves; returns the seconds it took."""
        started = time.perf_counter()
        parameters = list(self.model.parameters())
        if self.encoder:
            parameters += self.encoder.parameters()
        optimizer = torch.optim.AdamW(parameters, lr=2e-4, betas=(0.9, 0.98), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        rng = random.Random("training")
        bar = tqdm(range(self.steps), desc=self.folder.name, unit="step")
        for _ in bar:
            samples = [draw_sample(rng, self.pool, self.protocol) for _ in range(self.batch)]
            loss = self._loss(samples)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            bar.set_postfix(loss=f"{loss.item():.3f}")
        self._save()
        return time.perf_counter() - started

    def _rate(self, step: int) -> float:
        """The learning rate as a share of its highest: a warm-up, then a cosine."""
        return min((step + 1) / 50, 0.5 * (1 + math.cos(math.pi * step / self.steps)))

    def _loss(self, samples: list[Sample]) -> torch.Tensor:
        rows, prompts = [], []
        for sample in samples:
            prompt = self.protocol.render(sample.request)
            ids = prompt_token_ids(prompt, self.tokenizer, SLOTS if self.encoder else 0)
            reply = sample.reply.removeprefix(prompt.prefill) + self.tokenizer.eos_token
            rows.append(ids + self.tokenizer(reply, add_special_tokens=False)["input_ids"])
            prompts.append(len(ids))
        ids = torch.full((len(rows), max(map(len, rows))), self.tokenizer.pad_token_id)
        labels = torch.full_like(ids, -100)
        for place, (row, start) in enumerate(zip(rows, prompts, strict=True)):
            ids[place, : len(row)] = torch.tensor(row)
            labels[place, start : len(row)] = ids[place, start : len(row)]
        embeddings = self.model.get_input_embeddings()(ids.clamp(min=0))
        if self.encoder:
            molecules = [str(sample.request.candidates[0].molecule) for sample in samples]
            features = torch.from_numpy(np.stack([features_of(smiles) for smiles in molecules]))
            embeddings[ids == SLOT] = self.encoder(features)
        # Padding stands on the right, where causal attention never looks at it.
        loss: torch.Tensor = self.model(inputs_embeds=embeddings, labels=labels).loss
        return loss

    def _save(self) -> None:
        self.model.to(torch.bfloat16).save_pretrained(self.folder)
        self.tokenizer.save_pretrained(self.folder)
        (self.folder / FILE).write_text(self.toml, encoding="utf-8")
        if self.encoder:
            self.encoder.save(self.folder / ENCODER_FILE)


async def judge_held_out(trainer: Trainer, pool: list[str], count: int) -> KindReport:
    rng = random.Random("held out")
    samples = [draw_sample(rng, pool, trainer.protocol) for _ in range(count)]
    judge = Judge.from_folder(trainer.folder, enforce_eager=True, max_model_len=1024)
    async with judge:
        outcomes = await asyncio.gather(*(judge.judge(sample.request) for sample in samples))
    return report([sample.score for sample in samples], outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--samples", type=int, default=400, help="held-out molecules judged")
    parser.add_argument("--out", type=Path, help="where the two judge folders go")
    args = parser.parse_args()
    training, held_out = split_pool(1500)
    figures: dict[str, object] = {"steps": args.steps, "samples": args.samples}
    with TemporaryDirectory() as work:
        for name in ("smiles", "embeddings"):
            folder = (args.out or Path(work)) / f"molecules-by-{name}"
            trainer = Trainer(name, folder, training, args.steps, args.batch)
            figures[f"train_s_{name}"] = round(trainer.run())
            result = asyncio.run(judge_held_out(trainer, held_out, args.samples))
            figures[f"exact_{name}"] = round(result.exact, 3)
            figures[f"spearman_{name}"] = result.spearman and round(result.spearman, 3)
            figures[f"parse_rate_{name}"] = round(result.parse_rate, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
