"""A judge that is a LoRA adapter: run as one, it answers as the merged checkpoint does."""

from __future__ import annotations

import asyncio
import math
import random
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass, replace
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
"""Of probabilities in bfloat16: the adapter is added to each layer's output, merged to its weights,
which rounds elsewhere. Measured differences are below a third of it."""


@dataclass(frozen=True)
class Answers:
    """What an engine says to one prompt: its reply, and the probabilities of how it begins."""

    text: str
    chances: dict[str, float]

    def distance(self, other: Answers) -> float:
        """Largest difference of a probability."""
        texts = self.chances.keys() | other.chances.keys()
        return max(abs(self.chances.get(t, 0.0) - other.chances.get(t, 0.0)) for t in texts)


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
            torch.nn.init.normal_(weight, std=0.03)
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


async def answers(engine: Engine) -> Answers:
    completion = await engine.generate(prompt(), GREEDY)
    first, *_ = completion.text.split()
    tokens = await engine.next_tokens(replace(prompt(), begun=f"{first} "))
    return Answers(completion.text, {token.text: math.exp(token.logprob) for token in tokens})


def run_with(engine: str, judge: Path, **options: Any) -> Answers:
    async def run() -> Answers:
        made = make_engine(engine, open_judge(judge), **options)
        try:
            return await answers(made)
        finally:
            await made.close()

    return asyncio.run(run())


def test_transformers_runs_the_adapter(judges: dict[str, Path]) -> None:
    base, adapter, merged = (
        run_with("transformers", judges[name]) for name in ("base", "adapter", "merged")
    )
    assert adapter.distance(merged) < TOLERANCE
    assert adapter.distance(base) > 2 * TOLERANCE, "the adapter changes nothing: a blind test"
    assert adapter.text != base.text


async def test_vllm_runs_the_adapter_and_is_closed_in_order(
    judges: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    merged = await asyncio.to_thread(run_with, "transformers", judges["merged"])
    engine: Any = make_engine("vllm", open_judge(judges["adapter"]), enforce_eager=True)
    adapter = await answers(engine)
    assert adapter.distance(merged) < TOLERANCE
    assert adapter.text == merged.text

    capfd.readouterr()
    waiting = asyncio.create_task(_endless(engine))
    while engine.unfinished == 0:  # noqa: ASYNC110  # it tells of it in no other way
        await asyncio.sleep(0.01)
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
