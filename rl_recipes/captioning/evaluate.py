"""A captioner against the truth, and as the judge sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from PIL import Image
from trl.data_utils import prepare_multimodal_messages

from judge.nano.captions import accuracy
from judge.nano.scenes import caption
from reward.client import RewardClient
from reward.types import Reward
from rl_recipes.captioning.data import PROMPT, HeldOut

_BATCH = 64
MAX_NEW_TOKENS = 56
"""Longest caption in tokens; the longest right one has 29."""


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """Held-out figures of one policy.

    ``accuracy`` is the mean of :func:`judge.nano.scenes.accuracy`, in [0, 1];
    ``length_ratio`` words of the captions over words of the true ones; ``reward`` the judge's
    mean in [0, 1] over judged captions (None where none was); ``unjudged_rate`` in [0, 1].
    """

    accuracy: float
    length_ratio: float
    reward: float | None
    unjudged_rate: float
    captions: tuple[str, ...]
    rewards: tuple[Reward, ...]


@torch.inference_mode()
def write_captions(
    model: Any, processor: Any, pictures: Sequence[Image.Image], *, temperature: float = 0.0
) -> list[str]:
    """Captions, one a picture: greedy, or sampled where ``temperature`` is above 0."""
    was_training = model.training
    model.eval()
    prompt = processor.apply_chat_template(
        prepare_multimodal_messages(PROMPT, images=[pictures[0]]),
        add_generation_prompt=True,
    )
    sampling: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0}
    texts: list[str] = []
    for start in range(0, len(pictures), _BATCH):
        batch = list(pictures[start : start + _BATCH])
        inputs = processor(
            text=[prompt] * len(batch), images=batch, return_tensors="pt", padding=True
        ).to(model.device)
        ids = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, **sampling)
        replies = ids[:, inputs["input_ids"].shape[1] :]
        texts += processor.batch_decode(replies, skip_special_tokens=True)
    model.train(was_training)
    return texts


def true_accuracy(rows: Sequence[HeldOut], captions: Sequence[str]) -> float:
    """Mean share of attributes stated right, in [0, 1]."""
    return mean(accuracy(row.scene, text) for row, text in zip(rows, captions, strict=True))


async def evaluate(
    model: Any, processor: Any, rows: Sequence[HeldOut], url: str, rubric: str
) -> CaptionReport:
    """Captions the rows and has them judged by the server at ``url``."""
    captions = write_captions(model, processor, [row.picture for row in rows])
    samples = [
        {"prompt": PROMPT, "completion": text, "image": row.picture}
        for row, text in zip(rows, captions, strict=True)
    ]
    async with RewardClient(url) as client:
        rewards = await client.rewards(samples, rubric=rubric, rationale=True, deadline_s=300)
    values = [reward.value for reward in rewards if reward.value is not None]
    words = sum(len(text.split()) for text in captions)
    true_words = sum(len(caption(row.scene).split()) for row in rows)
    return CaptionReport(
        accuracy=true_accuracy(rows, captions),
        length_ratio=words / true_words,
        reward=mean(values) if values else None,
        unjudged_rate=1 - len(values) / len(rewards),
        captions=tuple(captions),
        rewards=tuple(rewards),
    )
