"""Groups of samples for a benchmark, and vLLM itself on them, without the judge's code and HTTP."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from judge import Candidate, Judge, JudgeRequest, load_image, load_rubric
from judge.engines.vllm_inputs import vllm_inputs
from judge.nano.captions import corrupt
from judge.nano.scenes import draw_scene, render, tell
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.protocols import Pointwise
from judge.types import Part

Kind = Literal["text", "image"]
KINDS: tuple[Kind, ...] = ("text", "image")

GROUP = 8
_RUBRIC = load_rubric("captioning")
_NAIVE_TOKENS = 512


def draw_requests(groups: int, kind: Kind, seed: str) -> list[JudgeRequest]:
    """Groups of GROUP captions of one scene each, in words or as a picture."""
    rng = random.Random(seed)
    made = []
    for _ in range(groups):
        scene = draw_scene(rng)
        question: tuple[Part, ...] = (f"{tell(scene, rng)}\n{CAPTION_INSTRUCTION}",)
        if kind == "image":
            question = (load_image(render(scene, rng)), CAPTION_INSTRUCTION)
        texts: set[str] = set()
        while len(texts) < GROUP:  # all different: the server judges equal ones once
            texts.add(corrupt(scene, rng))
        made += [JudgeRequest(question, (Candidate(text),), _RUBRIC) for text in sorted(texts)]
    return made


def draw_rows(groups: int, seed: str) -> list[dict[str, Any]]:
    """Groups with pictures, as a client sends them."""
    return [to_row(request) for request in draw_requests(groups, "image", seed)]


def to_row(request: JudgeRequest) -> dict[str, Any]:
    """The request as a client sends it."""
    *pictures, prompt = request.question
    return {"prompt": prompt, "images": pictures, "completion": request.candidates[0].text}


class Bare:
    """vLLM itself, on prompts made ready before the clock starts."""

    def __init__(self, judge: Judge, requests: Sequence[JudgeRequest]) -> None:
        self._engine: Any = judge.engine
        self._judge = judge
        protocol = Pointwise(judge.folder.profile.protocols["pointwise"])
        self._prompts = [protocol.render(request) for request in requests]
        self._inputs = [vllm_inputs(prompt, self._engine.tokenizer) for prompt in self._prompts]

    async def as_judge(self) -> None:
        """As the judge asks: a stop text, prefixes shared, all at once."""
        params = self._params(self._judge.decoding.max_tokens, list(self._prompts[0].stop))
        await asyncio.gather(*(self._one(each, params) for each in self._inputs))

    async def one_by_one(self) -> None:
        """As a script does that takes one sample after the other."""
        params = self._params(_NAIVE_TOKENS, [])
        for each in self._inputs:
            await self._one(_unshared(each), params)

    async def batched(self) -> None:
        """As a script does that hands all samples over at once."""
        params = self._params(_NAIVE_TOKENS, [])
        await asyncio.gather(*(self._one(_unshared(each), params) for each in self._inputs))

    async def forget(self) -> None:
        """Empties the engine's caches."""
        await self._engine.llm.reset_mm_cache()
        await self._engine.llm.reset_prefix_cache()

    def _params(self, max_tokens: int, stop: list[str]) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=0.0,
            max_tokens=max_tokens,
            stop=stop,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    async def _one(self, prompt: dict[str, Any], params: Any) -> None:
        async for _ in self._engine.llm.generate(prompt, params, uuid.uuid4().hex):
            pass


def _unshared(prompt: dict[str, Any]) -> dict[str, Any]:
    """With a cache of its own, so that no prefix is shared."""
    return {**prompt, "cache_salt": uuid.uuid4().hex}
