"""Answers to rows, sampled from a policy by vLLM at several temperatures, in a process of its own:
when it ends, what the engine held is free for the judge and the trainer.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm
from transformers import AutoProcessor

from judge.errors import EngineError
from judge.rows import picture_sources
from rl_recipes.generation import render_prompt

_ROWS_AT_ONCE = 64
_CPU_CACHE_GIB = "1"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a policy answers.

    ``weights`` and ``revision`` name the checkpoint as transformers takes it; there are ``samples``
    answers at each of ``temperatures``, of at most ``max_tokens`` tokens; ``engine_args`` are
    vLLM's, by vLLM's names. All temperatures are sampled by the same random numbers: answers then
    differ in few places, and a pair of them tells the policy which ones count.
    """

    weights: str
    revision: str
    temperatures: tuple[float, ...]
    samples: int
    max_tokens: int
    seed: int
    engine_args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the policy; ``is_whole`` says that the policy ended it itself."""

    text: str
    temperature: float
    is_whole: bool


def sample_answers(rows: Dataset, sampling: Sampling, path: Path) -> list[list[Answer]]:
    """Answers to each row, in order; they are kept in ``path``, and those there are not sampled
    again. Each row has a seed of its own, so going on gives what a run without a stop would.

    Args:
        rows: with ``prompt``, and ``image`` or ``images`` where there are pictures.
        sampling: how.
        path: a file of JSON lines, one a row.

    Raises:
        EngineError: the process ended before all rows were answered.
    """
    done = _drop_torn_line(path)
    if done < len(rows):
        # vLLM starts processes of its own, which a daemon may not.
        process = multiprocessing.get_context("spawn").Process(
            target=_sample, args=(rows, sampling, path, done)
        )
        process.start()
        try:
            process.join()
        finally:
            _end(process)
    answers = list(read_answers(path))
    if len(answers) < len(rows):
        raise EngineError(
            f"sampling ended with {len(answers)} of {len(rows)} rows answered (see above); those "
            f"are kept in {path}, and the same command goes on"
        )
    return answers


def read_answers(path: Path) -> Iterator[list[Answer]]:
    """The answers in a file, by row."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield [Answer(**each) for each in json.loads(line)]


def _end(process: BaseProcess) -> None:
    """Ends the process and those of the engine, which share its group, if they still run."""
    if process.pid is not None:
        with suppress(ProcessLookupError):  # it ended, or had no group of its own yet
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _sample(rows: Dataset, sampling: Sampling, path: Path, start: int) -> None:
    os.setpgrp()
    from vllm import RequestOutput, SamplingParams

    starter = multiprocessing.parent_process()
    processor = AutoProcessor.from_pretrained(sampling.weights, revision=sampling.revision)
    llm = _load(sampling)
    with (
        path.open("a", encoding="utf-8") as file,
        tqdm(total=len(rows), initial=start, desc="sampling", unit="row") as bar,
    ):
        for first in range(start, len(rows), _ROWS_AT_ONCE):
            if starter is not None and not starter.is_alive():
                return  # killed: another run may be about to write to this file
            places = range(first, min(first + _ROWS_AT_ONCE, len(rows)))
            prompts = [_prompt(processor, rows[place]) for place in places]
            by_temperature: list[list[RequestOutput]] = [
                llm.generate(
                    prompts,
                    [
                        SamplingParams(
                            n=sampling.samples,
                            temperature=temperature,
                            max_tokens=sampling.max_tokens,
                            seed=place + len(rows) * sampling.seed,
                        )
                        for place in places
                    ],
                    use_tqdm=False,
                )
                for temperature in sampling.temperatures
            ]
            for outputs in zip(*by_temperature, strict=True):
                answers = [
                    asdict(Answer(each.text, temperature, each.finish_reason == "stop"))
                    for temperature, output in zip(sampling.temperatures, outputs, strict=True)
                    for each in output.outputs
                ]
                file.write(json.dumps(answers, ensure_ascii=False) + "\n")
            file.flush()
            bar.update(len(places))


def _load(sampling: Sampling) -> Any:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIB)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # this process is the engine's
    from vllm import LLM
    from vllm.platforms import current_platform

    arguments = {
        "model": sampling.weights,
        "revision": sampling.revision,
        "seed": sampling.seed,
        **sampling.engine_args,
    }
    if current_platform.is_cpu():
        # Sampling by a seed a prompt that came in pieces kills vLLM's worker on a CPU, whose random
        # generators know no offset.
        arguments.setdefault("enable_chunked_prefill", False)
    return LLM(**arguments)


def _prompt(processor: Any, row: Mapping[str, Any]) -> Any:
    pictures = picture_sources(row)
    text = render_prompt(processor, row["prompt"], pictures)
    return {"prompt": text, "multi_modal_data": {"image": pictures}} if pictures else text


def _drop_torn_line(path: Path) -> int:
    """Cuts what a kill left half written; the number of whole lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return whole.count("\n")
