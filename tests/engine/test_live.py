"""An engine over a loaded model: replies as those of the checkpoint, the model left as it was."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from judge import Decoding, Prompt, open_judge
from judge.engines.live import LiveEngine
from judge.engines.transformers import TransformersEngine
from judge.engines.transformers_model import TransformersModel
from judge.errors import EngineError
from judge.folder import embedded_checkpoint
from judge.nano.judging import judging_sample
from judge.protocols import PROTOCOLS
from judge.types import Audio

WEIGHTS = str(embedded_checkpoint("nano-judge"))
GREEDY = Decoding(max_tokens=24)


def prompts(count: int) -> list[Prompt]:
    protocol = PROTOCOLS["pointwise"](open_judge("nano").profile.protocols["pointwise"])
    rng = random.Random(0)
    kinds: tuple[Any, ...] = ("text", "image")
    return [
        protocol.render(judging_sample(rng, kinds[number % 2]).request) for number in range(count)
    ]


class Watched(TransformersModel):
    """Notes how many replies are written at once."""

    batches: list[int]

    def write(self, rows: Any) -> None:
        self.batches.append(len(rows))
        super().write(rows)


@pytest.fixture(scope="module")
def model() -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForImageTextToText.from_pretrained(WEIGHTS, dtype="float32").eval()


@pytest.fixture
def watched(model: Any) -> Watched:
    from transformers import AutoProcessor

    made = Watched(model, AutoProcessor.from_pretrained(WEIGHTS))
    made.batches = []
    return made


async def test_replies_are_those_of_the_checkpoint(model: Any, watched: Watched) -> None:
    asked = prompts(4)
    before = model.generation_config.to_dict()
    live = LiveEngine(watched, max_batch=3)
    engine = TransformersEngine(WEIGHTS, dtype="float32", device="cpu")
    replies = await asyncio.gather(*(live.generate(each, GREEDY) for each in asked))
    expected = await asyncio.gather(*(engine.generate(each, GREEDY) for each in asked))
    assert replies == expected
    assert len({reply.text for reply in replies}) > 1
    assert await live.next_tokens(asked[0]) == await engine.next_tokens(asked[0])
    await engine.close()
    await live.close()
    assert model.generation_config.to_dict() == before


async def test_batches_depend_on_nothing_but_the_order_of_asking(watched: Watched) -> None:
    for _ in range(2):
        live = LiveEngine(watched, max_batch=3)
        await asyncio.gather(*(live.generate(each, GREEDY) for each in prompts(7)))
    assert watched.batches == [3, 3, 1] * 2


async def test_a_prompt_that_the_model_cannot_take_fails_alone(watched: Watched) -> None:
    live = LiveEngine(watched)
    good, other = prompts(2)
    parts = (*other.messages[1].parts, Audio(b"", "0"))
    heard = replace(other, messages=(other.messages[0], replace(other.messages[1], parts=parts)))
    results = await asyncio.gather(
        live.generate(heard, GREEDY), live.generate(good, GREEDY), return_exceptions=True
    )
    assert isinstance(results[0], EngineError)
    assert not isinstance(results[1], BaseException)
    assert results[1].text


async def test_a_model_goes_on_training_after_it_was_asked(model: Any, watched: Watched) -> None:
    import torch

    await LiveEngine(watched).generate(prompts(1)[0], GREEDY)
    model.train()
    ids = torch.arange(12)[None] + 20
    model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
    gradient = model.model.language_model.embed_tokens.weight.grad
    model.eval()
    model.zero_grad()
    assert gradient is not None
    assert gradient.abs().sum() > 0
