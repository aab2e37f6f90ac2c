"""A judge that is a LoRA adapter: run as one, it answers as the merged checkpoint does."""

from __future__ import annotations

import asyncio
import math
import random
import re
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from judge import Decoding, EngineDeadError, Prompt, open_judge
from judge.engines import Engine, make_engine
from judge.folder import embedded_checkpoint
from judge.nano.judging import judging_sample
from judge.protocols import PROTOCOLS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
BASE = embedded_checkpoint("nano-judge")
GREEDY = Decoding(max_tokens=60)
TOLERANCE = 0.1
"""Of probabilities in bfloat16: an adapter is added to each layer's output, or merged into the
weights, which rounds elsewhere."""


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The nano judge, a LoRA adapter over it with random weights, and the two merged."""
    torch = pytest.importorskip("torch")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = tmp_path_factory.mktemp("judges")
    adapter, merged = folder / "adapter", folder / "merged"
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_pretrained(BASE, dtype=torch.bfloat16)
    targets = r".*language_model.*\.(q_proj|v_proj|down_proj)"
    adapted = get_peft_model(model, LoraConfig(r=12, lora_alpha=24, target_modules=targets))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:  # zero at first: an adapter that changes nothing
            torch.nn.init.normal_(weight, std=0.15)
    adapted.save_pretrained(adapter)
    adapted.merge_and_unload().save_pretrained(merged)
    AutoProcessor.from_pretrained(BASE).save_pretrained(merged)
    for made in (adapter, merged):
        shutil.copy(BASE / "judge.toml", made)
    return {"base": BASE, "adapter": adapter, "merged": merged}


def prompt() -> Prompt:
    request = judging_sample(random.Random(0), "text").request
    prompts = open_judge("nano").profile.protocols["pointwise"]
    return PROTOCOLS["pointwise"](prompts).render(request)


Chances = dict[str, float]


async def chances(engine: Engine, begun: str) -> Chances:
    """Probabilities of what a reply begun so goes on with."""
    tokens = await engine.next_tokens(replace(prompt(), begun=begun))
    return {token.text: math.exp(token.logprob) for token in tokens}


def distance(one: Chances, other: Chances) -> float:
    """Largest difference of a probability."""
    return max(abs(one.get(text, 0.0) - other.get(text, 0.0)) for text in one.keys() | other.keys())


def common_words(one: str, other: str) -> str:
    """How both begin, in whole words and marks with the space before them, as tokens are."""
    words = [re.findall(r"\s*(?:\w+|[^\w\s])", text) for text in (one, other)]
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(*words, strict=False))
    return "".join(word for word, _ in pairs)


@dataclass(frozen=True)
class Known:
    """What base and merged checkpoint reply, where the two part, and their chances there."""

    base: str
    merged: str
    fork: str
    at_fork: dict[str, Chances]


@pytest.fixture(scope="module")
def known(judges: dict[str, Path]) -> Known:
    async def run() -> Known:
        engines = {
            name: make_engine("transformers", open_judge(judges[name]))
            for name in ("base", "merged")
        }
        base, merged = [
            (await engine.generate(prompt(), GREEDY)).text for engine in engines.values()
        ]
        fork = common_words(base, merged)
        at_fork = {name: await chances(engine, fork) for name, engine in engines.items()}
        for engine in engines.values():
            await engine.close()
        return Known(base, merged, fork, at_fork)

    found = asyncio.run(run())
    assert found.base != found.merged, "the adapter changes nothing: a blind test"
    assert distance(found.at_fork["base"], found.at_fork["merged"]) > 2 * TOLERANCE
    return found


async def check_adapter(engine: Engine, known: Known) -> None:
    """The engine goes the merged checkpoint's way where the base takes another."""
    text = (await engine.generate(prompt(), GREEDY)).text
    shared = common_words(text, known.merged)
    apart = distance(await chances(engine, known.fork), known.at_fork["merged"])
    print(
        f"{len(shared)} of {len(known.merged)} characters are the same; chances differ {apart:.4f}"
    )
    assert len(shared) > len(known.fork)
    assert apart < TOLERANCE


async def test_transformers_runs_the_adapter(judges: dict[str, Path], known: Known) -> None:
    engine = make_engine("transformers", open_judge(judges["adapter"]))
    try:
        await check_adapter(engine, known)
    finally:
        await engine.close()


async def test_vllm_runs_the_adapter_and_is_closed_in_order(
    judges: dict[str, Path], known: Known, capfd: pytest.CaptureFixture[str]
) -> None:
    engine: Any = make_engine("vllm", open_judge(judges["adapter"]), enforce_eager=True)
    try:
        await check_adapter(engine, known)
        capfd.readouterr()
        waiting = asyncio.create_task(_endless(engine))
        while engine.unfinished == 0:  # noqa: ASYNC110  # it tells of it in no other way
            await asyncio.sleep(0.01)
    finally:
        await engine.close()
        await engine.close()
    with pytest.raises(EngineDeadError, match="closed"):
        await waiting
    logged = capfd.readouterr().err
    assert "Traceback" not in logged, logged
    assert "ERROR" not in logged, logged


def _endless(engine: Engine) -> Coroutine[Any, Any, Any]:
    return engine.generate(replace(prompt(), stop=()), Decoding(temperature=2.0, max_tokens=1500))


def test_adapter_judge_has_a_fingerprint_of_its_own(judges: dict[str, Path]) -> None:
    found = {open_judge(path).fingerprint("vllm/bfloat16") for path in judges.values()}
    assert len(found) == 3
