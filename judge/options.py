"""Command-line options that every command with a judge shares."""

from __future__ import annotations

import argparse
import json
from typing import Any, Literal, get_args, get_origin, get_type_hints

from judge.engines import ENGINES
from judge.profile import Decoding


def add_judge_options(
    parser: argparse.ArgumentParser, flag: str = "--judge", default: str | None = "nano"
) -> None:
    """``--judge``, decoding, ``--engine`` and its options.

    Args:
        parser: of the command.
        flag: the option that names the judge; the parsed value is ``judge``.
        default: the judge where none is named; None where one has to be.
    """
    group = parser.add_argument_group(flag.removeprefix("--"))
    group.add_argument(
        flag,
        dest="judge",
        default=default,
        required=default is None,
        metavar="NAME|PATH|HUB_ID",
        help="'nano' (embedded), a checkpoint folder, or a hub id such as jongwooko/Flex-VL-7B"
        + (f" (default: {default})" if default else ""),
    )
    _add_decoding_options(parser)
    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--engine",
        choices=tuple(ENGINES),
        default="vllm",
        help="what runs the judge: vLLM in this process, a server with OpenAI's API (its address "
        "is --engine-arg url=…, its key in OPENAI_API_KEY), or plain transformers; nano-teacher is "
        "for the judge of that name alone (default: vllm)",
    )
    for name, (kind, text) in _ENGINE.items():
        engine.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    engine.add_argument(
        "--engine-arg",
        action="append",
        default=[],
        type=engine_argument,
        metavar="NAME=VALUE",
        help="any other option of the engine, by its own name (may be given many times): "
        "max_num_seqs=64, enforce_eager=true (vllm), url=http://host:8000/v1, model=my-judge "
        "(openai), max_batch=16 (transformers)",
    )


_ENGINE: dict[str, tuple[type, str]] = {
    "dtype": (str, "number format of the weights: bfloat16 (default), float16, float32"),
    "quantization": (str, "how vLLM quantises the weights, e.g. fp8, awq"),
    "max_model_len": (int, "longest prompt with reply, in tokens (vllm)"),
    "tensor_parallel_size": (int, "GPUs to split each layer over (vllm)"),
    "pipeline_parallel_size": (int, "GPUs to split the layers over (vllm)"),
    "data_parallel_size": (int, "copies of the model, each on GPUs of its own (vllm)"),
    "gpu_memory_utilization": (float, "share of GPU memory to take, in (0, 1] (vllm)"),
}
"""Options of engines that have a flag of their own: type and help."""
_DECODING = {
    "temperature": "sampling temperature; 0 is greedy",
    "top_p": "nucleus sampling threshold, in (0, 1]",
    "max_tokens": "longest reply, in tokens",
    "seed": "seed of the first reply; each vote has its own",
    "votes": "replies to each request, which become one verdict (needs a temperature above 0)",
    "vote": "how votes become one verdict: mean and median for each candidate, majority as a whole",
    "both_orders": "judge candidates in both orders: their mean, and whether the preference flips",
    "reasks": "how often a reply that cannot be read is asked again",
    "soft": "scores as the mean over the judge's own probabilities at its answer",
}
"""What each field of :class:`~judge.profile.Decoding` does, in ``--help``."""
_DEST = "decoding_"


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """The engine and its options that were given, as :meth:`judge.Judge.from_folder` takes them."""
    options = {name: getattr(args, name) for name in _ENGINE if getattr(args, name) is not None}
    return {**options, **dict(args.engine_arg), "engine": args.engine}


def decoding_options(args: argparse.Namespace) -> dict[str, Any]:
    """The decoding fields that were given."""
    values = {name: getattr(args, _DEST + name) for name in _DECODING}
    return {name: value for name, value in values.items() if value is not None}


def _add_decoding_options(parser: argparse.ArgumentParser) -> None:
    """An option for each field of the judge's decoding; what is not given stays the judge's own."""
    group = parser.add_argument_group("decoding", "instead of the judge's own, in its judge.toml")
    kinds = get_type_hints(Decoding)
    for name, text in _DECODING.items():
        # Commands that draw samples have a --seed of their own.
        flag = "--sampling-seed" if name == "seed" else f"--{name.replace('_', '-')}"
        how: dict[str, Any] = {"type": kinds[name], "metavar": "N"}
        if kinds[name] is bool:
            how = {"action": argparse.BooleanOptionalAction}
        elif get_origin(kinds[name]) is Literal:
            how = {"choices": get_args(kinds[name])}
        group.add_argument(flag, dest=_DEST + name, default=None, help=text, **how)


def engine_argument(text: str) -> tuple[str, Any]:
    """Name and value of an engine's option; the value is JSON (numbers, true, lists, objects) or
    else the text itself.
    """
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
