"""A prompt as vLLM takes it."""

from __future__ import annotations

from typing import Any

from judge.engines.tokens import prompt_token_ids
from judge.media import open_pixels
from judge.types import Image, Prompt


def vllm_inputs(prompt: Prompt, tokenizer: Any) -> dict[str, Any]:
    """Token ids, media and their hashes.

    The hashes are ours: media that a group shares are processed and encoded once.
    """
    inputs: dict[str, Any] = {"prompt_token_ids": prompt_token_ids(prompt, tokenizer)}
    images = prompt.parts(Image)
    if images:
        inputs["multi_modal_data"] = {"image": [open_pixels(image) for image in images]}
        inputs["multi_modal_uuids"] = {"image": [image.sha256 for image in images]}
    return inputs
