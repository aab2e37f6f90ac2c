"""What a reward server costs over the bare engine, and what it saves over a script, in one run.

All of it on one judge, with groups of eight samples that share a question, as GRPO makes them, each
asked once. The ways take turns, round by round, on the same prompts of that round, each with the
engine's caches emptied before; ratios are medians over the rounds.

- ``http_over_engine_text``, ``http_over_engine_image``: rewards a second by the client, over HTTP,
  from a server with a verdict store, over judgements a second of vLLM itself on token ids made
  ready before. Half of the questions are shown in words, half as pictures.
- ``over_naive``: the same rewards a second over those of a script that asks vLLM for one sample
  after the other, with no prefix shared and a fixed ``max_tokens`` in place of a stop;
  ``over_naive_batched`` is over the same script handing all samples over at once.
- ``p50_ms``, ``p99_ms``: how long a client waits for one reward, by the number of clients that ask
  at the same time, each again as soon as it is answered.
- ``overhead_ms``: the same for one client of an engine that answers at once (a script's): what the
  client, HTTP and the server take; ``overhead_group_ms`` for a group of eight with a picture.
- ``grpo_step_over_max``: a step in which groups are generated one after the other, elsewhere, and
  each is judged by ``AsyncJudgeReward`` while the next is generated, over what generating or
  judging all of them takes, whichever is longer. Generating is a pause here, as long in all as
  judging takes, which is the worst case for hiding one behind the other. What cannot be hidden is
  the judging of the last group, so the ratio falls with the number of groups a step.

Run it with

    .venv/bin/python benchmarks/serve.py --rounds 15 --groups 16

Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import uvicorn
from bare_engine import GROUP, KINDS, Bare, draw_requests, draw_rows, to_row
from tqdm import tqdm

from judge import Judge, Prompt, open_judge
from judge.engines import ScriptedEngine
from reward import RewardClient
from reward.adapters.trl import AsyncJudgeReward
from reward.server import ServerConfig, create_app
from reward.server.peers import bounded_http

Run = Callable[[], Awaitable[None]]

NAIVE_ROUNDS = 2
"""Rounds in which the naive ways take part, as one of theirs takes minutes."""
CLIENTS = (1, 16, 64)
STEPS = 5


def by_http(client: RewardClient, rows: Sequence[dict[str, Any]]) -> Run:
    async def run() -> None:
        rewards = await client.rewards(rows, rubric="captioning", deadline_s=600)
        _check(sum(reward.value is not None for reward in rewards), len(rows))

    return run


def _check(judged: int, asked: int) -> None:
    """A way that fails quickly must not pass for a quick one."""
    if judged < 0.9 * asked:
        raise RuntimeError(f"only {judged} of {asked} were judged: no rate to report")


async def timed(run: Run) -> float:
    """Seconds."""
    start = time.perf_counter()
    await run()
    return time.perf_counter() - start


async def rates(judge: Judge, client: RewardClient, rounds: int, groups: int) -> dict[str, Any]:
    """Samples a second of each way, and their ratios."""
    seconds: dict[str, list[float]] = {}
    for round_ in tqdm(range(rounds), desc="rates"):
        ways: dict[str, tuple[Bare, Run]] = {}
        for kind in KINDS:
            requests = draw_requests(groups, kind, f"{round_}/{kind}")
            bare = Bare(judge, requests)
            ways[f"engine_{kind}"] = bare, bare.as_judge
            ways[f"http_{kind}"] = bare, by_http(client, [to_row(each) for each in requests])
            if round_ < NAIVE_ROUNDS:
                ways[f"naive_{kind}"] = bare, bare.one_by_one
                ways[f"batched_{kind}"] = bare, bare.batched
        for name in random.Random(round_).sample(sorted(ways), len(ways)):
            bare, run = ways[name]
            await bare.forget()
            seconds.setdefault(name, []).append(await timed(run))
    samples = groups * GROUP

    def ratio(way: str, other: str) -> float:
        pairs = zip(seconds[other], seconds[way], strict=False)
        return round(median(slow / quick for slow, quick in pairs), 3)

    def both(way: str) -> list[float]:
        return [
            sum(pair) for pair in zip(seconds[f"{way}_text"], seconds[f"{way}_image"], strict=True)
        ]

    seconds |= {way: both(way) for way in ("http", "naive", "batched")}
    return {
        "http_over_engine_text": ratio("http_text", "engine_text"),
        "http_over_engine_image": ratio("http_image", "engine_image"),
        "over_naive": ratio("http", "naive"),
        "over_naive_batched": ratio("http", "batched"),
        "per_s": {
            name: round(samples / median(values), 1)
            for name, values in sorted(seconds.items())
            if "_" in name
        },
    }


async def latencies(client: RewardClient, samples: int) -> dict[str, Any]:
    """How long one reward takes, with several clients asking at once."""
    found: dict[str, dict[str, float]] = {"p50_ms": {}, "p99_ms": {}}
    for clients in tqdm(CLIENTS, desc="latencies"):
        rows = draw_rows(samples // GROUP, f"latency/{clients}")
        waited: list[float] = []

        async def ask(own: Sequence[dict[str, Any]], waited: list[float] = waited) -> None:
            for row in own:
                start = time.perf_counter()
                await client.rewards([row], rubric="captioning", deadline_s=600)
                waited.append(1000 * (time.perf_counter() - start))

        await asyncio.gather(*(ask(rows[number::clients]) for number in range(clients)))
        cuts = quantiles(waited, n=100, method="inclusive")
        found["p50_ms"][str(clients)] = round(cuts[49], 1)
        found["p99_ms"][str(clients)] = round(cuts[98], 1)
    return found


async def overhead(samples: int) -> dict[str, float]:
    """Milliseconds of a request to an engine that takes none."""
    engine = ScriptedEngine(_reply, keep=0)
    judge = Judge(open_judge("nano"), engine)
    async with serving(judge) as url, RewardClient(url) as client:
        await client.wait_ready()
        rows = draw_rows(samples // GROUP, "overhead")
        one, group = [], []
        for start in tqdm(range(0, len(rows), GROUP), desc="overhead"):
            own = rows[start : start + GROUP]
            group.append(await timed(by_http(client, own)))
            one.append(await timed(by_http(client, [{**own[0], "completion": str(start)}])))
    return {
        "overhead_ms": round(1000 * median(one), 2),
        "overhead_group_ms": round(1000 * median(group), 2),
    }


def _reply(prompt: Prompt) -> str:
    return "wrong 0 of 8.\n</think>\n<answer>10</answer>"


async def grpo_step(client: RewardClient, url: str, rounds: int, groups: int) -> Any:
    """A step's time with judging behind generation, over the longer of the two."""
    function = AsyncJudgeReward(url=url, rubric="captioning", deadline_s=600)
    ratios = []
    for round_ in tqdm(range(rounds), desc="steps"):
        judging = await timed(by_http(client, draw_rows(groups, f"alone/{round_}")))
        generating = judging
        rows = draw_rows(groups, f"step/{round_}")
        start = time.perf_counter()
        async with asyncio.TaskGroup() as judged:
            for first in range(0, len(rows), GROUP):
                await asyncio.sleep(generating / groups)
                own = rows[first : first + GROUP]
                judged.create_task(
                    function(
                        [row["prompt"] for row in own],
                        [row["completion"] for row in own],
                        images=[row["images"] for row in own],
                    )
                )
        ratios.append((time.perf_counter() - start) / max(generating, judging))
    await function.aclose()
    return {"grpo_step_over_max": round(median(ratios), 3)}


@asynccontextmanager
async def serving(judge: Judge) -> AsyncIterator[str]:
    """The judge behind a socket, as ``flex-reward serve`` has it, with a store of its own."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = ServerConfig(store=str(Path(folder) / "verdicts.db"))
        options = uvicorn.Config(
            create_app(judge, config),
            log_level="warning",
            access_log=False,
            ws="none",
            http=bounded_http(config.client_timeout_s),
        )
        server = uvicorn.Server(options)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", default="nano")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--groups", type=int, default=16, help=f"groups of {GROUP} a round and way")
    parser.add_argument("--step-groups", type=int, default=64, help="groups of a GRPO step")
    parser.add_argument("--samples", type=int, default=256, help="samples for each latency")
    args = parser.parse_args()
    found: dict[str, Any] = {}

    def note(part: dict[str, Any]) -> None:
        """Kept for the end, and shown as soon as it is known."""
        found.update(part)
        tqdm.write(json.dumps(part), file=sys.stderr)

    note(await overhead(args.samples))
    # The bare engine does not ask again for a reply that cannot be read; nor does this judge.
    judge = Judge.from_folder(args.judge, decoding={"reasks": 0}, enforce_eager=True)
    async with serving(judge) as url, RewardClient(url) as client:
        await client.wait_ready()
        for kind in KINDS:
            warm_up = draw_requests(4, kind, "warm-up")
            await Bare(judge, warm_up).as_judge()
            await by_http(client, [to_row(each) for each in warm_up])()
        note(await rates(judge, client, args.rounds, args.groups))
        note(await latencies(client, args.samples))
        note(await grpo_step(client, url, min(args.rounds, STEPS), args.step_groups))
    print(json.dumps({**found, "rounds": args.rounds, "groups": args.groups}))


if __name__ == "__main__":
    asyncio.run(main())
