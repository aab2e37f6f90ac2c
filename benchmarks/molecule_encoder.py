"""The trainable molecule encoder of ``molecule_embeddings.py``, fitted to what a card says."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm.auto import tqdm
from transformers import LlamaForCausalLM

from judge.encoders import FEATURES, molecule_features
from judge.molecules import MoleculeCard, molecule_card
from judge.nano.model import HIDDEN, INIT_STD

SLOTS = 29
"""Tokens of a molecule's card below its SMILES; nano-judge reads each number as one token."""
WIDTH = 512
ALIGNED, ALIGNING_STEPS = 6000, 1000
"""Molecules that the encoder is aligned on, and steps of that."""


class EncoderNet(torch.nn.Module):
    """The trainable twin of :class:`judge.encoders.FingerprintEncoder`."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self.mean = features.mean(dim=0)
        self.scale = features.std(dim=0).clamp(min=0.25)  # rare substructures stay small
        self.hidden = torch.nn.Linear(FEATURES, WIDTH)
        self.output = torch.nn.Linear(WIDTH, SLOTS * HIDDEN)
        torch.nn.init.normal_(self.output.weight, std=INIT_STD / math.sqrt(WIDTH / 2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """From (molecules, FEATURES) to (molecules * SLOTS, HIDDEN)."""
        hidden = torch.relu(self.hidden((features - self.mean) / self.scale))
        return self.output(hidden).view(-1, HIDDEN)

    def save(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        weights = {
            "mean": self.mean,
            "scale": self.scale,
            "hidden_weight": self.hidden.weight,
            "hidden_bias": self.hidden.bias,
            "output_weight": self.output.weight,
            "output_bias": self.output.bias,
        }
        save_file({name: tensor.detach().contiguous() for name, tensor in weights.items()}, path)


@cache
def card_of(smiles: str) -> MoleculeCard | None:
    return molecule_card(smiles)


@cache
def features_of(smiles: str) -> np.ndarray:
    return molecule_features(smiles)


def aligned_encoder(pool: list[str], tokenizer: Any, model: LlamaForCausalLM) -> EncoderNet:
    """An encoder whose slots are near the embeddings of the tokens of a molecule's card."""
    cards = [card for smiles in pool[:ALIGNED] if (card := card_of(smiles))]
    read = [(card, card_tokens(card, tokenizer)) for card in cards]
    # A number that is more than one token is of no molecule like the others.
    cards, tokens = zip(*(each for each in read if len(each[1]) == SLOTS), strict=True)
    features = torch.from_numpy(np.stack([features_of(card.smiles) for card in cards]))
    targets = model.get_input_embeddings().weight.detach()[torch.tensor(tokens)]
    encoder = EncoderNet(features)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=3e-3, weight_decay=0.0)
    bar = tqdm(range(ALIGNING_STEPS), desc="aligning the encoder", unit="step")
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / ALIGNING_STEPS))
        batch = torch.randint(len(cards), (256,))
        found = encoder(features[batch]).view(-1, SLOTS, HIDDEN)
        loss = torch.nn.functional.mse_loss(found, targets[batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        bar.set_postfix(loss=f"{loss.item() / targets.var().item():.3f}")
    return encoder


def card_tokens(card: MoleculeCard, tokenizer: Any) -> list[int]:
    """The tokens of a card below its SMILES, as many as there are slots."""
    below = "\n" + card.text().partition("\n")[2]
    tokens: list[int] = tokenizer(below, add_special_tokens=False)["input_ids"]
    return tokens[1:]  # the line break is the prompt's own, and decides what the first token is
