"""Answers of a model that is being trained or measured, written by transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from tqdm.auto import tqdm
from trl.data_utils import prepare_multimodal_messages

from rl_recipes.recipe import Policy

Messages = list[dict[str, Any]]


@torch.inference_mode()
def write_answers(
    policy: Policy,
    prompts: Sequence[Messages],
    pictures: Sequence[Image.Image] | None = None,
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    batch: int = 64,
    progress: str | None = None,
) -> list[str]:
    """Answers, one a prompt: greedy, or sampled where ``temperature`` is above 0.

    Args:
        policy: whose answers; its processor pads on the left.
        prompts: chat messages.
        pictures: one a prompt, shown before its text; None: the prompts are text alone.
        max_new_tokens: longest answer.
        temperature: of sampling.
        batch: answers written at once.
        progress: what a progress bar is called; None: there is none.
    """
    model, processor = policy.model, policy.processor
    was_training = model.training
    model.eval()
    # What a checkpoint's own configuration asks for beside these is not what TRL trains by.
    sampling: dict[str, Any] = {"do_sample": False, "repetition_penalty": 1.0}
    if temperature > 0:
        sampling |= {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    texts: list[str] = []
    starts = range(0, len(prompts), batch)
    for start in tqdm(starts, desc=progress, unit="batch", disable=progress is None):
        chosen = slice(start, start + batch)
        shown = [[each] for each in pictures[chosen]] if pictures else [[]] * len(prompts[chosen])
        rendered = [
            _render(processor, prompt, images)
            for prompt, images in zip(prompts[chosen], shown, strict=True)
        ]
        images = {"images": shown} if pictures else {}
        inputs = processor(
            text=rendered,
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,  # the chat template has written them
            **images,
        )
        inputs = inputs.to(model.device)
        ids = model.generate(**inputs, max_new_tokens=max_new_tokens, **sampling)
        replies = ids[:, inputs["input_ids"].shape[1] :]
        texts += processor.batch_decode(replies, skip_special_tokens=True)
    model.train(was_training)
    return texts


def _render(processor: Any, prompt: Messages, pictures: Sequence[Image.Image]) -> str:
    """The prompt as the policy's chat template has it, places for ``pictures`` in it."""
    messages = prepare_multimodal_messages(prompt, images=list(pictures)) if pictures else prompt
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
