"""The main job in small: a captioner, aligned with the embedded judge's reward."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge.sft.train.checkpoints import SETTINGS
from rl_recipes.captioning.evaluate import read_captioned
from rl_recipes.captioning.recipe import held_out_rows
from rl_recipes.captioning.report import write_page
from rl_recipes.command import parse_run
from rl_recipes.history import HISTORY, read_history
from rl_recipes.plots import plot_history
from rl_recipes.run import AFTER, BEFORE, EVALUATION, PLOT, POLICY, SUMMARY, Run
from rl_recipes.servers import JUDGE, SERVER_LOG

_CONFIG = "captioning-grpo-nano"
_SERVE = "--engine-arg enforce_eager=true"
_PAGE = "samples.html"
_WRITTEN = (
    EVALUATION,
    HISTORY,
    PLOT,
    POLICY,
    SUMMARY,
    SETTINGS,
    JUDGE,
    _PAGE,
    SERVER_LOG,
    "checkpoint-*",
)
_FIGURES = ("true_accuracy", "reward", "length_ratio")
_LABELS = {"true_accuracy": "true accuracy (held out, unseen by the reward)"}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demo runs: the shipped configuration, with these set over it.

    One server gives the rewards and judges the evaluations, to save the start of a second one.
    """

    steps: int | None = None
    seed: int = 0
    judge: str = "nano"

    def run(self, folder: Path) -> Run:
        """The run of ``flex-rl grpo`` that this is."""
        options = {
            "output_dir": folder,
            "seed": self.seed,
            "judge": self.judge,
            "serve_options": _SERVE,
            "eval_serve_options": _SERVE,
            **({} if self.steps is None else {"max_steps": self.steps}),
        }
        given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        run, _ = parse_run("grpo", [_CONFIG, *given])
        return run


def run_demo(plan: DemoPlan, folder: Path, *, fresh: bool | None = None) -> dict[str, Any]:
    """Serves the judge, aligns the captioner by GRPO, evaluates; returns the summary.

    Writes what :class:`~rl_recipes.run.Run` does, and ``samples.html``. Stops everything it
    started, whatever happens.

    Args:
        plan: what to run.
        folder: where it goes.
        fresh: True removes what an earlier run wrote to ``folder``, False goes on with it; None
            goes on with an unfinished one and starts afresh over a finished one.

    Raises:
        RequestError: the run to go on with was told otherwise.
    """
    if fresh if fresh is not None else (folder / SUMMARY).is_file():
        _remove_written(folder)
    if (folder / SETTINGS).is_file():
        print(f"going on with the run in {folder} (--fresh starts afresh)", flush=True)
    run = plan.run(folder)
    print(f"serving the judge {plan.judge!r} and training by GRPO …", flush=True)
    figures = run.grpo()
    evaluation = folder / EVALUATION
    write_page(
        held_out_rows(run.config),
        read_captioned(evaluation / BEFORE),
        read_captioned(evaluation / AFTER),
        folder / _PAGE,
    )
    title = "Captioner aligned with the judge's reward"
    plot_history(read_history(folder / HISTORY), folder / PLOT, title=title, labels=_LABELS)
    summary = _summary(figures)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def table(summary: dict[str, Any]) -> str:
    """The summary as a short table to print."""
    rows = {
        "judge's reward": "reward",
        "true accuracy (unseen by the reward)": "true_accuracy",
        "caption length over the truth's": "length_ratio",
    }
    lines = [f"{'':38s} before    after"]
    for label, name in rows.items():
        values = (summary[f"{name}_{when}"] for when in (BEFORE, AFTER))
        shown = ("–" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"{label:38s}" + "  ".join(f"{value:>7s}" for value in shown))
    lines.append(
        f"unjudged {summary['unjudged_rate']:.2%} · {summary['seconds']:.0f} s · "
        f"judge {summary['judge']} · seed {summary['seed']}"
    )
    return "\n".join(lines)


def _summary(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures of the demo, those without a value as None."""
    shown = [f"{name}_{when}" for name in _FIGURES for when in (BEFORE, AFTER)]
    others = ("unjudged_rate", "seconds", "judge", "steps", "seed")
    return {**{name: figures.get(name) for name in shown}, **{n: figures[n] for n in others}}


def _remove_written(folder: Path) -> None:
    """Removes what a run writes, and nothing else."""
    for pattern in _WRITTEN:
        for written in folder.glob(pattern):
            shutil.rmtree(written) if written.is_dir() else written.unlink()
