"""The main job in small: a captioner, aligned with the embedded judge's reward."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from judge.errors import RequestError
from judge.folder import embedded_checkpoint, open_judge
from reward.client import RewardClient
from rl_recipes.captioning.data import HeldOut, held_out
from rl_recipes.captioning.evaluate import CaptionReport, evaluate
from rl_recipes.captioning.grpo import GrpoPlan, train
from rl_recipes.captioning.report import plot_history, read_history, write_page
from rl_recipes.serving import reward_server

RUBRIC = "captioning"
_SUMMARY = "summary.json"
_PLAN = "plan.json"
_WRITTEN = (
    _SUMMARY,
    _PLAN,
    "checkpoints",
    "history.jsonl",
    "plot.png",
    "policy",
    "samples.html",
    "server.log",
)


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demo runs. ``rows`` held-out pictures are captioned before and after."""

    grpo: GrpoPlan
    judge: str = "nano"
    policy: str = "nano-captioner"
    rows: int = 256
    watched: int = 64
    """Of these rows, how many are looked at during training."""
    eager: bool = True
    """Whether vLLM runs without compiling first: on a model this small the start costs more."""


def run_demo(plan: DemoPlan, folder: Path, *, fresh: bool | None = None) -> dict[str, Any]:
    """Serves the judge, aligns the captioner by GRPO, evaluates; returns the summary.

    Writes ``summary.json``, ``plot.png``, ``samples.html``, ``history.jsonl``, ``server.log`` and
    the ``policy`` folder. Stops everything it started, whatever happens.

    Args:
        plan: what to run.
        folder: where it goes.
        fresh: True removes what an earlier run wrote to ``folder``, False goes on with it; None
            goes on with an unfinished one and starts afresh over a finished one.

    Raises:
        RequestError: the run to go on with had another plan.
    """
    started = time.monotonic()
    _prepare(plan, folder, fresh=fresh)
    torch.manual_seed(plan.grpo.seed)
    policy = str(embedded_checkpoint(plan.policy))
    rows = held_out(plan.rows)
    engine_args = ("enforce_eager=true",) if plan.eager else ()
    print(f"serving the judge {plan.judge!r} …", flush=True)
    with reward_server(plan.judge, folder / "server.log", engine_args=engine_args) as url:
        print(f"judge ready at {url}; training {plan.grpo.steps} steps of GRPO", flush=True)
        before = asyncio.run(_evaluate(policy, rows, url))
        model, processor = train(policy, plan.grpo, url, folder, rows[: plan.watched])
        after = asyncio.run(evaluate(model, processor, rows, url, RUBRIC))
        fingerprint = asyncio.run(_fingerprint(url))
    model.save_pretrained(folder / "policy")
    processor.save_pretrained(folder / "policy")
    history = read_history(folder / "history.jsonl")
    plot_history(history, folder / "plot.png")
    write_page(rows, before, after, folder / "samples.html")
    summary = {
        "true_accuracy_before": round(before.accuracy, 4),
        "true_accuracy_after": round(after.accuracy, 4),
        "reward_before": before.reward,
        "reward_after": after.reward,
        "length_ratio_before": round(before.length_ratio, 4),
        "length_ratio_after": round(after.length_ratio, 4),
        "unjudged_rate": _unjudged_rate(history, after),
        "seconds": round(time.monotonic() - started, 1),
        "judge": f"{open_judge(plan.judge).profile.name} {fingerprint}",
        "steps": plan.grpo.steps,
        "seed": plan.grpo.seed,
    }
    (folder / _SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _prepare(plan: DemoPlan, folder: Path, *, fresh: bool | None) -> None:
    """Makes the folder ready; only what a run itself writes is ever removed.

    Raises:
        RequestError: an earlier run is to be gone on with, and had another plan.
    """
    path = folder / _PLAN
    if fresh if fresh is not None else (folder / _SUMMARY).is_file():
        for name in _WRITTEN:
            written = folder / name
            shutil.rmtree(written) if written.is_dir() else written.unlink(missing_ok=True)
    text = json.dumps(asdict(plan), indent=2)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise RequestError(
                f"{folder} holds a run with other settings (see {_PLAN} there); "
                "use the same ones, another --out, or --fresh to start afresh"
            )
        print(f"going on with the run in {folder} (--fresh starts afresh)")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def table(summary: dict[str, Any]) -> str:
    """The summary as a short table to print."""
    rows = {
        "judge's reward": "reward",
        "true accuracy (unseen by the reward)": "true_accuracy",
        "caption length over the truth's": "length_ratio",
    }
    lines = [f"{'':38s} before    after"]
    for label, name in rows.items():
        values = (summary[f"{name}_{when}"] for when in ("before", "after"))
        shown = ("–" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"{label:38s}" + "  ".join(f"{value:>7s}" for value in shown))
    lines.append(
        f"unjudged {summary['unjudged_rate']:.2%} · {summary['seconds']:.0f} s · "
        f"judge {summary['judge']} · seed {summary['seed']}"
    )
    return "\n".join(lines)


async def _evaluate(policy: str, rows: list[HeldOut], url: str) -> CaptionReport:
    model = AutoModelForImageTextToText.from_pretrained(policy, dtype=torch.float32)
    return await evaluate(model, AutoProcessor.from_pretrained(policy), rows, url, RUBRIC)


async def _fingerprint(url: str) -> str:
    async with RewardClient(url) as client:
        return str((await client.info())["fingerprint"])


def _unjudged_rate(history: list[dict[str, Any]], after: CaptionReport) -> float:
    """Mean over the steps of training; over the last evaluation where no step was logged."""
    rates = [row["judge/unjudged_rate"] for row in history if "judge/unjudged_rate" in row]
    return round(sum(rates) / len(rates) if rates else after.unjudged_rate, 5)
