"""Command-line options that every command with a judge shares."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_judge_options(parser: argparse.ArgumentParser) -> None:
    """``--judge``, decoding, and vLLM's engine arguments."""
    group = parser.add_argument_group("judge")
    group.add_argument(
        "--judge",
        default="nano",
        metavar="NAME|PATH|HUB_ID",
        help="'nano' (embedded), a checkpoint folder, or a hub id such as jongwooko/Flex-VL-7B "
        "(default: nano)",
    )
    group.add_argument("--temperature", type=float, help="sampling temperature; 0 is greedy")
    group.add_argument("--top-p", type=float, help="nucleus sampling threshold, in (0, 1]")
    group.add_argument("--max-tokens", type=int, help="longest reply, in tokens")
    group.add_argument(
        "--dtype", help="number format of the weights: bfloat16 (default), float16, float32"
    )
    group.add_argument("--max-model-len", type=int, help="longest prompt with reply, in tokens")
    group.add_argument("--tensor-parallel-size", type=int, help="GPUs to split the weights over")
    group.add_argument("--gpu-memory-utilization", type=float, help="share of GPU memory to take")
    group.add_argument(
        "--engine-arg",
        action="append",
        default=[],
        type=_engine_argument,
        metavar="NAME=VALUE",
        help="any other engine argument of vLLM, e.g. quantization=fp8 (may be given many times)",
    )


_ENGINE = ("dtype", "max_model_len", "tensor_parallel_size", "gpu_memory_utilization")
_DECODING = ("temperature", "top_p", "max_tokens")


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """vLLM's engine arguments that were given."""
    options = {name: getattr(args, name) for name in _ENGINE if getattr(args, name) is not None}
    return {**options, **dict(args.engine_arg)}


def decoding_options(args: argparse.Namespace) -> dict[str, float]:
    """The decoding fields that were given."""
    return {name: getattr(args, name) for name in _DECODING if getattr(args, name) is not None}


def _engine_argument(text: str) -> tuple[str, Any]:
    """Name and value; the value is JSON (numbers, true, lists, objects) or else the text itself."""
    name, equals, value = text.partition("=")
    name = name.strip().removeprefix("--").replace("-", "_")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(
            f"expected NAME=VALUE, e.g. gpu_memory_utilization=0.5, got {text!r}"
        )
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
