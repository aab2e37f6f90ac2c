"""A model of transformers: prompts in, batches of replies out. Not for many threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Self

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from judge.engines.sampling import ModelInputs, Row, RowsDone, TakeTokens
from judge.engines.tokens import prompt_token_ids
from judge.errors import EngineError
from judge.folder import Decoding
from judge.media import open_pixels
from judge.types import Audio, Image, Prompt, Video


class TransformersModel:
    """A causal language model with its tokenizer and processor.

    Args:
        model: the model, in evaluation mode; nothing of it is changed.
        processor: its processor, or its tokenizer where it takes text alone.
        device: where its inputs go; by default where its weights are.
    """

    def __init__(self, model: Any, processor: Any, device: torch.device | None = None) -> None:
        self._model, self._processor = model, processor
        self._device: torch.device = device or model.device
        self.tokenizer: Any = getattr(processor, "tokenizer", processor)
        ends = model.generation_config.eos_token_id
        if ends is None:
            ends = self.tokenizer.eos_token_id
        self._ends = frozenset([ends] if isinstance(ends, int) else ends or ())
        self._context: int | None = getattr(
            model.config.get_text_config(), "max_position_embeddings", None
        )

    @classmethod
    def load(
        cls, weights: str, adapter: str | None, device: str | None, options: dict[str, Any]
    ) -> Self:
        """The model of a checkpoint, with its adapter.

        Args:
            weights: a checkpoint folder or a hub id.
            adapter: folder of a LoRA adapter.
            device: where it runs; with ``device_map`` among the options that decides.
            options: arguments of ``from_pretrained`` by transformers' names.

        Raises:
            OSError, ValueError, …: whatever loading raises.
        """
        revision = {"revision": options["revision"]} if "revision" in options else {}
        config = AutoConfig.from_pretrained(weights, **revision)
        takes_pictures = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        kind: Any = AutoModelForImageTextToText if takes_pictures else AutoModelForCausalLM
        model = kind.from_pretrained(weights, **options)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter).get_base_model()
        if "device_map" not in options:
            model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return cls(model.eval(), AutoProcessor.from_pretrained(weights, **revision))

    def row(self, prompt: Prompt, decoding: Decoding, is_cancelled: Callable[[], bool]) -> Row:
        """The reply to a prompt, yet to be written.

        Raises:
            EngineError: the model cannot take this prompt.
        """
        inputs = self._inputs(prompt)
        room = decoding.max_tokens
        if self._context is not None:
            room = min(room, self._context - len(inputs.ids))
        if room < 1:
            raise EngineError(
                f"the prompt has {len(inputs.ids)} tokens, and the model's context is "
                f"{self._context}: there is no room for a reply"
            )
        return Row(
            inputs,
            decoding,
            limit=room,
            ends=self._ends,
            stop=prompt.stop,
            decode=self._decode,
            is_cancelled=is_cancelled,
        )

    def write(self, rows: Sequence[Row]) -> None:
        """Writes the rows to their ends, together where their media can be stacked."""
        for _, group in groupby(sorted(rows, key=_media_shape), key=_media_shape):
            self._write(list(group))

    @torch.no_grad()  # not inference_mode: what it makes of a model in training, training uses
    def _write(self, rows: list[Row]) -> None:
        width = max(len(row.inputs.ids) for row in rows)
        inputs: dict[str, torch.Tensor] = {}
        for name in _names(row.inputs.tokens for row in rows):
            lists = [row.inputs.tokens.get(name, [0] * len(row.inputs.ids)) for row in rows]
            inputs[name] = torch.tensor([[0] * (width - len(each)) + each for each in lists])
        inputs["attention_mask"] = torch.tensor(
            [[0] * (width - len(row.inputs.ids)) + [1] * len(row.inputs.ids) for row in rows]
        )
        for name in _names(row.inputs.media for row in rows):
            inputs[name] = torch.cat([r.inputs.media[name] for r in rows if name in r.inputs.media])
        with _no_settings_of_its_own(self._model):
            self._model.generate(
                **{name: tensor.to(self._device) for name, tensor in inputs.items()},
                generation_config=GenerationConfig(
                    do_sample=False,  # the rows choose
                    max_new_tokens=max(row.limit for row in rows),
                    pad_token_id=0,
                    use_cache=True,
                ),
                logits_processor=LogitsProcessorList([TakeTokens(rows)]),
                stopping_criteria=StoppingCriteriaList([RowsDone(rows)]),
            )

    def _inputs(self, prompt: Prompt) -> ModelInputs:
        if prompt.parts(Video, Audio):
            raise EngineError(
                "the transformers engine takes text and pictures; use the engine vllm"
            )
        ids = prompt_token_ids(prompt, self.tokenizer)
        pictures = [self._picture(image) for image in prompt.parts(Image)]
        if not pictures:
            return ModelInputs({"input_ids": ids}, {})
        place = self._processor.image_token_id
        if ids.count(place) != len(pictures):
            raise EngineError(
                f"the chat template has {ids.count(place)} places for {len(pictures)} pictures"
            )
        # One placeholder a picture becomes as many tokens as the model's processor makes of it.
        names = [name for name in pictures[0] if name.endswith(("input_ids", "token_type_ids"))]
        tokens: dict[str, list[int]] = {name: [] for name in names}
        following = iter(pictures)
        for token in ids:
            shown = next(following) if token == place else None
            for name, values in tokens.items():
                if shown is not None:
                    values.extend(shown[name][0].tolist())
                else:
                    values.append(token if name == "input_ids" else 0)
        media = {
            name: torch.cat([picture[name] for picture in pictures])
            for name in pictures[0]
            if name not in {*names, "attention_mask"}
        }
        return ModelInputs(tokens, media)

    def _picture(self, image: Image) -> dict[str, torch.Tensor]:
        """What the model's processor makes of its placeholder and this picture."""
        token = getattr(self._processor, "image_token", None)
        if token is None:
            raise EngineError("this checkpoint takes no pictures")
        made = self._processor(
            images=[open_pixels(image)],
            text=[token],
            add_special_tokens=False,
            return_tensors="pt",
        )
        dtype = self._model.dtype
        return {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in made.items()
        }

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


@contextmanager
def _no_settings_of_its_own(model: Any) -> Iterator[None]:
    """What the checkpoint says of sampling must not come on top of the judge's own decoding."""
    own = model.generation_config
    model.generation_config = GenerationConfig(pad_token_id=0)
    try:
        yield
    finally:
        model.generation_config = own


def _media_shape(row: Row) -> str:
    """Rows with equal ones can share a batch."""
    return str({name: tuple(each.shape[1:]) for name, each in row.inputs.media.items()})


def _names(tables: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))
