"""A prompt as vLLM takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from judge.encoders import MoleculeEncoder, embed_molecules
from judge.engines.tokens import SLOT, prompt_token_ids
from judge.errors import EngineError
from judge.media import open_frames, open_pixels, open_samples
from judge.types import SAMPLE_RATE, Audio, Image, MoleculeSlot, Prompt, Video


def vllm_inputs(
    prompt: Prompt, tokenizer: Any, encoder: MoleculeEncoder | None = None
) -> dict[str, Any]:
    """Token ids, media and their hashes, and the embeddings of molecules.

    The hashes are ours: media that a group shares are processed and encoded once.

    Raises:
        EngineError: the tokenizer or the encoder cannot do what the prompt asks for.
    """
    ids = prompt_token_ids(prompt, tokenizer, slots=encoder.slots if encoder else 0)
    if encoder and prompt.parts(MoleculeSlot):
        return _with_embeddings(prompt, ids, encoder)
    inputs: dict[str, Any] = {"prompt_token_ids": ids}
    media: dict[str, list[Any]] = {
        "image": [open_pixels(image) for image in prompt.parts(Image)],
        "video": [(open_frames(video), _metadata(video)) for video in prompt.parts(Video)],
        "audio": [(open_samples(audio), SAMPLE_RATE) for audio in prompt.parts(Audio)],
    }
    hashes = {
        "image": [image.sha256 for image in prompt.parts(Image)],
        "video": [video.sha256 for video in prompt.parts(Video)],
        "audio": [audio.sha256 for audio in prompt.parts(Audio)],
    }
    shown = [kind for kind, items in media.items() if items]
    if shown:
        inputs["multi_modal_data"] = {kind: media[kind] for kind in shown}
        inputs["multi_modal_uuids"] = {kind: hashes[kind] for kind in shown}
    rates = {video.fps for video in prompt.parts(Video)}
    if len(rates) == 1:
        # Qwen2.5-Omni's processor takes one rate for all videos of a prompt, and not from each
        # one's metadata as Qwen2.5-VL's does; with several rates it goes by its own default.
        inputs["mm_processor_kwargs"] = {"videos_kwargs": {"fps": rates.pop()}}
    return inputs


def only_unfolds(sent: Sequence[int], shown: Sequence[int]) -> bool:
    """Whether the ids that vLLM showed the model are those it was sent, with more put between.

    Where it does not find a medium's place among the ids, vLLM decodes them, looks for the place in
    the text, and tokenises that: what a stranger's text spells would become special tokens.
    """
    rest = iter(shown)
    return all(number in rest for number in sent)


def _metadata(video: Video) -> dict[str, Any]:
    """A video's metadata by vLLM's names: frames that are all to be seen, at their own rate."""
    count = len(video.frames)
    return {
        "fps": video.fps,
        "duration": count / video.fps,
        "total_num_frames": count,
        "frames_indices": list(range(count)),
        "do_sample_frames": False,
    }


def _with_embeddings(prompt: Prompt, ids: list[int], encoder: MoleculeEncoder) -> dict[str, Any]:
    """Token ids, with the encoder's embeddings where :data:`SLOT` stands among them.

    Embeddings come from nowhere else: no request can hold any.
    """
    import numpy as np
    import torch

    if prompt.parts(Image, Video, Audio):
        raise EngineError(
            "vLLM takes no media in a prompt that shows molecules as embeddings; "
            "use a judge that shows them as cards or drawings"
        )
    smiles = [slot.smiles for slot in prompt.parts(MoleculeSlot)]
    rows = [row for row in embed_molecules(encoder, smiles) if row is not None]
    if len(rows) < len(smiles):
        raise EngineError(f"only valid molecules are shown as embeddings, got {smiles}")
    is_token = [number != SLOT for number in ids]
    embeddings = torch.zeros(len(ids), encoder.hidden_size)
    embeddings[~torch.tensor(is_token)] = torch.from_numpy(np.concatenate(rows))
    return {
        # What stands in a slot's place is not read; it only has to be an id.
        "prompt_token_ids": [max(number, 0) for number in ids],
        "prompt_is_token_ids": is_token,
        "prompt_embeds": embeddings,
    }
