"""Our trainer against plain ``trl sft``: tokens a second and peak memory, in one run.

Both train the same model on the same rows with the same options, each whole command in a process of
its own with an empty cache of datasets, in alternating order. Tokens are those that transformers'
trainer counts, padding aside; seconds run from the first step to the last, by the clock and of the
processors (``cpu_s``, which other programs disturb less). Ratios are the medians of the rounds'.

Memory is the process's largest resident set, or what PyTorch allocated at most where there is a
GPU. It has a run of its own for each, in which glibc gives back at once what is freed: else one and
the same command's peak differs by 60 MiB from run to run.

The model is nano-base, or with ``--hidden`` and ``--layers`` one of that size with random weights.
Run it with

    .venv/bin/python benchmarks/sft.py --rounds 5 --rows 640
    .venv/bin/python benchmarks/sft.py --hidden 2048 --layers 24 --rows 2048   # on a GPU

Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from judge.folder import builtin_profile, embedded_checkpoint
from judge.nano.judging import judging_sample
from judge.sft.samples import TRAIN, JudgingRow, make_row

MB = 2**20
NO_CHANGES: Mapping[str, str] = MappingProxyType({})
GIVES_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
}
"""Settings of glibc's malloc with which freed memory does not stay with the process."""
HEAD = 128
"""Width of an attention head of a larger model."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one training took: tokens seen, seconds by the clock and of the processors, and bytes of
    memory at the peak.
    """

    tokens: int
    seconds: float
    cpu_s: float
    peak: int


def make_rows(count: int) -> list[JudgingRow]:
    """Captions of scenes in words, in nano-judge's prompts."""
    rng, profile = random.Random("benchmark"), builtin_profile("nano-judge")
    rows = []
    for number in range(count):
        sample = judging_sample(rng, "text")
        request = sample.request
        rows.append(
            make_row(
                id=str(number),
                kind="single",
                protocol="pointwise",
                rubric=request.rubric.name,
                scale=request.rubric.scale,
                request={
                    "prompt": request.question[0],
                    "completions": [request.candidates[0].text],
                },
                reasoning=sample.reasoning,
                scores=tuple(map(float, sample.scores)),
                profile=profile,
            )
        )
    return rows


def write_data(rows: list[JudgingRow], ours: Path, plain: Path) -> None:
    """The rows as curated data, and as the two columns that ``trl sft`` takes."""
    for folder in (ours, plain):
        folder.mkdir()
    columns = [{"prompt": row.prompt, "completion": row.completion} for row in rows]
    for folder, lines in (
        (ours, [row.to_json() for row in rows]),
        (plain, [json.dumps(each) for each in columns]),
    ):
        (folder / TRAIN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_model(hidden: int, layers: int, folder: Path) -> None:
    """A checkpoint with random weights, nano-base otherwise; ``hidden`` is a multiple of HEAD."""
    import torch
    from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    base = embedded_checkpoint("nano-base")
    values = Qwen2_5_VLConfig.from_pretrained(base).to_dict()
    values["vision_config"] |= {"out_hidden_size": hidden}
    values["text_config"] |= {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD,
        "num_key_value_heads": max(1, hidden // HEAD // 4),
        "layer_types": None,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [HEAD // 8, 3 * HEAD // 16, 3 * HEAD // 16],
        },
    }
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig.from_dict(values))
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoProcessor.from_pretrained(base).save_pretrained(folder)


def train_ours(data: Path, options: list[str]) -> None:
    from judge.cli import main

    main(["sft", "--data", str(data), "--judge_eval_samples", "0", *options])


def train_trl(data: Path, options: list[str]) -> None:
    """What the command ``trl sft`` runs, without the launcher around it."""
    from trl.scripts.sft import main, make_parser

    arguments = ["--dataset_name", str(data), *options]
    main(*make_parser().parse_args_and_config(arguments, fail_with_unknown_args=False))


TRAINERS: dict[str, Callable[[Path, list[str]], None]] = {"ours": train_ours, "trl": train_trl}


def train(trainer: str, data: Path, options: list[str]) -> Figures:
    """Trains in this process, which must be a fresh one, and tells what it took."""
    import torch
    from transformers import TrainerCallback
    from transformers.trainer import DEFAULT_CALLBACKS

    class Meter(TrainerCallback):
        tokens, seconds, cpu_s = 0, 0.0, 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # On the command line the option is true or false, and true counts padding too.
            args.include_num_input_tokens_seen = "non_padding"
            self.seconds, self.cpu_s = time.perf_counter(), time.process_time()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.seconds = time.perf_counter() - self.seconds
            self.cpu_s = time.process_time() - self.cpu_s
            self.tokens = state.num_input_tokens_seen

    meter = Meter()
    DEFAULT_CALLBACKS.append(meter)  # every trainer of this process has it
    TRAINERS[trainer](data, options)
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Figures(meter.tokens, meter.seconds, meter.cpu_s, peak)


def alone(
    function: Callable[..., Any], *arguments: object, environment: Mapping[str, str] = NO_CHANGES
) -> Any:
    """The function's result, from a fresh process with these variables in its environment."""
    with (
        patch.dict(os.environ, environment),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        return pool.submit(function, *arguments).result()


def options_for(model: Path, out: Path, args: argparse.Namespace, seed: int) -> list[str]:
    """Options that both take, by TRL's names."""
    options = {
        "model_name_or_path": model,
        "output_dir": out,
        "num_train_epochs": 1,
        "per_device_train_batch_size": args.batch,
        "learning_rate": args.learning_rate,
        "max_length": 1024,
        "gradient_checkpointing": args.gradient_checkpointing,
        "bf16": args.bf16,
        "dtype": "float32",
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": "none",
        "logging_steps": 10,
        "dataloader_pin_memory": False,
        "seed": seed,
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=640, help="training rows (default: 640)")
    parser.add_argument("--batch", type=int, default=16, help="rows a step (default: 16)")
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--hidden", type=int, help=f"width of a random model: times {HEAD}")
    parser.add_argument("--layers", type=int, default=24, help="its layers (default: 24)")
    parser.add_argument("--bf16", action="store_true", help="mixed precision")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    args = parser.parse_args()
    if args.hidden is not None and args.hidden % HEAD:
        parser.error(f"--hidden has to be a multiple of {HEAD}, got {args.hidden}")
    runs: dict[str, list[Figures]] = {name: [] for name in TRAINERS}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        data = {name: work / f"data-{name}" for name in TRAINERS}
        write_data(make_rows(args.rows), data["ours"], data["trl"])
        model = embedded_checkpoint("nano-base")
        if args.hidden is not None:
            model = work / "model"
            alone(make_model, args.hidden, args.layers, model)

        def run(name: str, seed: int, environment: Mapping[str, str] = NO_CHANGES) -> Figures:
            out = Path(tempfile.mkdtemp(dir=work))
            own = {"HF_DATASETS_CACHE": str(out / "cache"), **environment}
            options = options_for(model, out / "output", args, seed)
            figures: Figures = alone(train, name, data[name], options, environment=own)
            rate, peak = figures.tokens / figures.seconds, figures.peak / MB
            print(f"{name:5s} {rate:9.0f} tokens/s  peak {peak:8.0f} MiB", flush=True)
            return figures

        print("memory", flush=True)
        peaks = {name: run(name, 0, GIVES_BACK).peak for name in TRAINERS}
        print("speed", flush=True)
        for number in range(args.rounds):
            for name in sorted(TRAINERS, reverse=number % 2 == 1):
                runs[name].append(run(name, number))
    print(json.dumps(summarise(runs, peaks, args)))


def summarise(
    runs: dict[str, list[Figures]], peaks: dict[str, int], args: argparse.Namespace
) -> dict[str, Any]:
    """The JSON line.

    Raises:
        RuntimeError: the two did not train on the same tokens.
    """
    tokens = {name: {each.tokens for each in figures} for name, figures in runs.items()}
    if tokens["ours"] != tokens["trl"]:
        raise RuntimeError(f"expected the same tokens of both, got {tokens}")
    rounds = list(zip(runs["ours"], runs["trl"], strict=True))
    rates = {name: median(each.tokens / each.seconds for each in runs[name]) for name in runs}
    return {
        "tokens_per_s_over_trl": round(
            median(trl.seconds / ours.seconds for ours, trl in rounds), 3
        ),
        "cpu_s_over_trl": round(median(ours.cpu_s / trl.cpu_s for ours, trl in rounds), 3),
        "peak_memory_over_trl": round(peaks["ours"] / peaks["trl"], 3),
        **{f"tokens_per_s_{name}": round(rate) for name, rate in rates.items()},
        **{f"peak_mb_{name}": round(peak / MB) for name, peak in peaks.items()},
        "tokens_a_run": max(tokens["ours"]),
        "rounds": args.rounds,
        "model": f"{args.hidden}x{args.layers}" if args.hidden else "nano-base",
    }


if __name__ == "__main__":
    main()
