"""What the way from a sample to a reward costs over the bare engine, in one run.

The same judgements are made three times, each round on captions of its own: by vLLM alone on
ready token ids, by ``Judge.judge``, and by the client over HTTP. Rates are judgements a second, the
ratios are each path's rate over the bare engine's, as the median over rounds. Run it with

    .venv/bin/python benchmarks/reward_path.py --rounds 3 --groups 16

Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any

import uvicorn

from judge import Candidate, Judge, JudgeRequest, Verdict, load_image, load_rubric
from judge.engines.vllm_inputs import vllm_inputs
from judge.nano.captions import corrupt
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.protocols import Pointwise
from reward import RewardClient
from reward.server import create_app

Run = Callable[[], Awaitable[None]]
GROUP = 8
RUBRIC = load_rubric("captioning")


def requests(groups: int, seed: str) -> list[JudgeRequest]:
    """Groups of GROUP captions of one picture each."""
    rng = random.Random(seed)
    made = []
    for _ in range(groups):
        scene = draw_scene(rng)
        question = (load_image(render(scene, rng)), CAPTION_INSTRUCTION)
        made += [
            JudgeRequest(question, (Candidate(corrupt(scene, rng)),), RUBRIC) for _ in range(GROUP)
        ]
    return made


def by_engine(judge: Judge, batch: list[JudgeRequest]) -> Run:
    """vLLM itself, on prompts made ready before the clock starts."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    engine: Any = judge.engine
    protocol = Pointwise(judge.folder.profile.protocols["pointwise"])
    prompts = [protocol.render(request) for request in batch]
    inputs = [vllm_inputs(prompt, engine.tokenizer) for prompt in prompts]
    params = SamplingParams(
        temperature=0.0,
        max_tokens=judge.decoding.max_tokens,
        stop=list(prompts[0].stop),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )

    async def one(prompt: dict[str, Any]) -> None:
        async for _ in engine.llm.generate(prompt, params, uuid.uuid4().hex):
            pass

    async def run() -> None:
        await asyncio.gather(*(one(prompt) for prompt in inputs))

    return run


def by_judge(judge: Judge, batch: list[JudgeRequest]) -> Run:
    async def run() -> None:
        outcomes = await asyncio.gather(*(judge.judge(request) for request in batch))
        _check(sum(isinstance(outcome, Verdict) for outcome in outcomes), len(batch))

    return run


def by_http(url: str, batch: list[JudgeRequest]) -> Run:
    samples = [
        {
            "prompt": CAPTION_INSTRUCTION,
            "image": request.question[0],
            "completion": request.candidates[0].text,
        }
        for request in batch
    ]

    async def run() -> None:
        async with RewardClient(url) as client:
            rewards = await client.rewards(samples, rubric="captioning", deadline_s=600)
        _check(sum(reward.value is not None for reward in rewards), len(batch))

    return run


def _check(judged: int, asked: int) -> None:
    """A path that fails quickly must not pass for a quick one."""
    if judged < 0.9 * asked:
        raise RuntimeError(f"only {judged} of {asked} were judged: no rate to report")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="nano")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--groups", type=int, default=16, help=f"groups of {GROUP} a round")
    args = parser.parse_args()
    judge = Judge.from_folder(args.judge, enforce_eager=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(create_app(judge), host="127.0.0.1", port=port, log_level="warning")
    )
    serving = asyncio.create_task(server.serve())
    url = f"http://127.0.0.1:{port}"
    async with RewardClient(url) as client:
        await client.wait_ready()
    paths: dict[str, Callable[[list[JudgeRequest]], Run]] = {
        "engine": partial(by_engine, judge),
        "judge": partial(by_judge, judge),
        "http": partial(by_http, url),
    }
    await by_judge(judge, requests(4, "warm-up"))()
    rates: dict[str, list[float]] = {name: [] for name in paths}
    for round_ in range(args.rounds):
        for name, path in paths.items():
            batch = requests(args.groups, f"{round_}/{name}")
            run = path(batch)
            started = time.perf_counter()
            await run()
            rates[name].append(len(batch) / (time.perf_counter() - started))
    server.should_exit = True
    await serving
    engine = median(rates["engine"])
    print(
        json.dumps(
            {
                **{f"{name}_per_s": round(median(values), 2) for name, values in rates.items()},
                "judge_over_engine": round(median(rates["judge"]) / engine, 3),
                "http_over_engine": round(median(rates["http"]) / engine, 3),
                "rounds": args.rounds,
                "judgements_per_round": args.groups * GROUP,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
