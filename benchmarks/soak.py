"""A training run's week in half an hour: what a reward server loses, doubles and leaks.

Client processes ask for rewards without a pause: groups of eight that share a picture, some samples
twice, some that no judge can score. Meanwhile clients are killed and start again where they were,
the engine is killed, the server is stopped, killed and started again. The engine is scripted, so
that every reward is known beforehand. Run it with

    .venv/bin/python benchmarks/soak.py --minutes 30 --out runs/soak

Writes ``memory.png`` and ends with one JSON line: ``lost`` (samples of a finished step without the
reward they should have), ``wrong`` (with another), ``doubled`` (steps answered more than once),
``judged_again`` (judgements made anew, as what was killed had them in hand) and the slope of the
server's memory since it was started last. The exit status is 1 where a reward was lost, wrong or
doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, quantiles
from typing import Any

from PIL import Image as Pillow
from tqdm import tqdm

from judge import load_image
from reward import RewardClient
from tests.faults.servers import ServerProcess

GROUP = 8
GROUPS = 4
DEADLINE_S = 300.0
AT_ONCE = 64
MEDIA_BYTES = 256 * 1024
"""Little, so that the server forgets pictures and is given them again."""
UNJUDGEABLE = 0.05
TWICE = 0.1
OLD = 0.1
"""Shares of samples: that have no score, that come twice, that an earlier step had."""
# Shares of the run: the server's memory is measured after the last of them.
RESTART_AT = 0.1
KILL_AT = 0.2
MEASURE_FROM = 0.4


def sample(client: int, step: int, number: int) -> tuple[dict[str, Any], float | None]:
    """A sample of no picture, the same each time it is asked for, and its reward."""
    rng = random.Random(f"{client}/{step}/{number}")
    id_ = f"#c{client}-{step}-{number}"
    if rng.random() < UNJUDGEABLE:
        return {"completion": f"no score {id_}"}, None
    score = rng.randint(1, 10)
    return {"completion": f"score={score} {id_}"}, (score - 1) / 9


def group(client: int, step: int, place: int) -> Iterator[tuple[dict[str, Any], float | None]]:
    """The samples of one picture, and their rewards."""
    rng = random.Random(f"{client}/{step}/{place}/group")
    old = step > 0 and rng.random() < OLD
    of_step = rng.randrange(step) if old else step
    shared = {"prompt": "Rate this.", "image": picture(f"{client}/{of_step}/{place}")}
    numbers = [place * GROUP + member for member in range(GROUP)]
    for place_, number in enumerate(numbers):
        again = place_ > 0 and rng.random() < TWICE
        asked, reward = sample(client, of_step, numbers[place_ - 1] if again else number)
        yield {**shared, **asked}, reward


def picture(seed: str) -> Any:
    pixels = random.Random(seed).randbytes(32 * 32 * 3)
    encoded = io.BytesIO()
    Pillow.frombytes("RGB", (32, 32), pixels).save(encoded, "PNG")
    return load_image(encoded.getvalue())


def run_client(url: str, number: int, ledger: Path) -> None:
    """Asks until it is killed; goes on behind the last step that the ledger has."""
    done = len(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else 0
    asyncio.run(_ask(url, number, ledger, done))


async def _ask(url: str, number: int, ledger: Path, done: int) -> None:
    async with RewardClient(url) as client:
        for step in itertools.count(done):
            asked = [pair for place in range(GROUPS) for pair in group(number, step, place)]
            begun = time.monotonic()
            rewards = await client.rewards(
                [each for each, _ in asked], rubric="captioning", deadline_s=DEADLINE_S
            )
            pairs = [(got.value, wanted) for got, (_, wanted) in zip(rewards, asked, strict=True)]
            entry = {
                "step": step,
                "samples": len(asked),
                "unscored": sum(wanted is None for _, wanted in pairs),
                "lost": sum(got is None and wanted is not None for got, wanted in pairs),
                "wrong": sum(got is not None and not _same(got, wanted) for got, wanted in pairs),
                "why": Counter(
                    str(reward.reason)
                    for reward, (_, wanted) in zip(rewards, asked, strict=True)
                    if reward.value is None and wanted is not None
                ),
                "seconds": time.monotonic() - begun,
            }
            with ledger.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def _same(got: float, wanted: float | None) -> bool:
    return wanted is not None and abs(got - wanted) < 1e-9


@dataclass
class Soak:
    """The processes of a run, what was done to them, and the server's memory over time."""

    server: ServerProcess
    out: Path
    clients: dict[int, multiprocessing.process.BaseProcess] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds and MiB."""
    events: list[tuple[float, str]] = field(default_factory=list)

    def ledger(self, number: int) -> Path:
        return self.out / f"client{number}.jsonl"

    def start_client(self, number: int) -> None:
        arguments = (self.server.url, number, self.ledger(number))
        context = multiprocessing.get_context("spawn")
        self.clients[number] = context.Process(target=run_client, args=arguments, daemon=True)
        self.clients[number].start()

    def kill_client(self, rng: random.Random) -> None:
        number = rng.choice(sorted(self.clients))
        self.clients[number].kill()
        self.clients[number].join()
        self.start_client(number)
        self.kills["client"] += 1

    def kill_engine(self) -> None:
        os.kill(self.server.engine_pid, signal.SIGKILL)
        self.kills["engine"] += 1

    def restart_server(self, *, kill: bool) -> None:
        (self.server.kill if kill else self.server.stop)()
        self.server.start()
        self.kills["server"] += 1

    def run(self, seconds: float, rng: random.Random) -> None:
        """Breaks one thing after the other, at most every few seconds."""
        begun = time.monotonic()
        due = [(RESTART_AT * seconds, "restart"), (KILL_AT * seconds, "kill")]
        next_kill = 5.0
        progress = tqdm(total=round(seconds), unit="s", desc="soak")
        while (now := time.monotonic() - begun) < seconds:
            if due and now >= due[0][0]:
                _, what = due.pop(0)
                self.events.append((now, f"server {what}"))
                self.restart_server(kill=what == "kill")
            elif now >= next_kill:
                next_kill = now + rng.uniform(0.02, 0.06) * max(seconds, 100.0)
                if rng.random() < 0.5:
                    self.kill_client(rng)
                elif self.server.is_ready():
                    self.events.append((now, "engine"))
                    self.kill_engine()
            self.memory.append((time.monotonic() - begun, self.server.resident_mib))
            progress.update(round(now) - progress.n)
            progress.set_postfix(self.kills)
            time.sleep(1.0)
        progress.close()
        for client in self.clients.values():
            client.kill()
            client.join()

    def report(self, seconds: float) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        doubled = 0
        for number in self.clients:
            lines = self.ledger(number).read_text(encoding="utf-8").splitlines()
            of_client = [json.loads(line) for line in lines]
            doubled += len(of_client) - len({entry["step"] for entry in of_client})
            steps += of_client
        why: Counter[str] = sum((Counter(entry["why"]) for entry in steps), Counter())
        judged = self.server.judged
        measured = [each for each in self.memory if each[0] >= MEASURE_FROM * seconds]
        slope = linear_regression(*zip(*measured, strict=True)).slope
        waits = sorted(entry["seconds"] for entry in steps)
        samples = sum(entry["samples"] for entry in steps)
        return {
            "minutes": round(seconds / 60, 1),
            "steps": len(steps),
            "samples": samples,
            "samples_per_s": round(samples / seconds, 1),
            "unscored": sum(entry["unscored"] for entry in steps),
            "lost": sum(entry["lost"] for entry in steps),
            "lost_why": dict(why),
            "wrong": sum(entry["wrong"] for entry in steps),
            "doubled": doubled,
            "judged": judged.total(),
            "judged_again": sum(times - 1 for id_, times in judged.items() if has_score(id_)),
            "step_p50_s": round(quantiles(waits, n=100)[49], 2),
            "step_p99_s": round(quantiles(waits, n=100)[98], 2),
            "step_max_s": round(waits[-1], 2),
            "killed": dict(self.kills),
            "memory_mib": [round(measured[0][1], 1), round(measured[-1][1], 1)],
            "memory_mib_per_hour": round(slope * 3600, 2),
        }

    def plot(self) -> Path:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
        axes.plot(*zip(*self.memory, strict=True), linewidth=1)
        for when, what in self.events:
            is_server = what.startswith("server")
            axes.axvline(when, color="tab:red" if is_server else "lightgray", linewidth=0.8)
        top = 1.2 * max(mib for _, mib in self.memory)
        axes.set(xlabel="seconds", ylabel="resident memory of the server (MiB)", ylim=(0, top))
        axes.set_title("red: the server was started again; gray: the engine was killed")
        path = self.out / "memory.png"
        figure.savefig(path, dpi=120)
        return path


def has_score(id_: str) -> bool:
    """Whether the sample of that id is judged once: one without a score is asked again at once,
    and at every later time, as failures are never served.
    """
    client, step, number = map(int, id_.removeprefix("#c").split("-"))
    return sample(client, step, number)[1] is not None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=3, help="client processes")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds that a judgement takes")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed when")
    parser.add_argument("--out", type=Path, default=Path("runs/soak"), help="a new folder")
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    server = ServerProcess(
        (args.out / "server").resolve(),
        *("--store", "verdicts.db"),
        *("--on-engine-death", "retry", "--restart-pause-s", "0.2"),
        *("--restart-window-s", "1"),
        *("--judged-at-once", str(AT_ONCE), "--queue-samples", "256"),
        *("--media-bytes", str(MEDIA_BYTES)),
        delay=args.delay,
    )
    soak = Soak(server, args.out)
    server.start()
    try:
        for number in range(args.clients):
            soak.start_client(number)
        soak.run(args.minutes * 60, random.Random(args.seed))
    finally:
        server.stop()
    report = soak.report(args.minutes * 60)
    print(f"memory over time: {soak.plot()}", file=sys.stderr)
    print(json.dumps(report))
    return 1 if report["lost"] or report["wrong"] or report["doubled"] else 0


if __name__ == "__main__":
    sys.exit(main())
