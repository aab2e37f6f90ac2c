"""What an ablation found: a table in Markdown, all figures as JSON, and a summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from judge.sft.ablate.settings import QUESTIONS, AblationPlan, settings_of

TABLE, RESULTS = "table.md", "results.json"


@dataclass(frozen=True, slots=True)
class RunResult:
    """One judge, trained and measured.

    ``rows`` were trained on. ``training_s`` is the time of the steps, in seconds, or of those
    behind the checkpoint that a stopped run went on from. ``figures`` are those of
    :func:`judge.sft.ablate.measure.measure_judge`, taken in ``measuring_s`` seconds.
    """

    setting: str
    seed: int
    rows: int
    training_s: float
    measuring_s: float
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    figure: str
    form: str = ".3f"


_COLUMNS = (
    _Column("text ρ", "spearman_text"),
    _Column("picture ρ", "spearman_image"),
    _Column("molecule ρ", "spearman_molecule"),
    _Column("text exact", "exact_text"),
    _Column("picture exact", "exact_image"),
    _Column("parsed", "parse_rate"),
    _Column("master-key lift", "lift_master-key", "+.2f"),
    _Column("persuasion lift", "lift_persuasion", "+.2f"),
)
_LEGEND = """The baseline reasons first and is trained on text alone. ρ: Spearman with the true
score over the verdicts, in [-1, 1]; exact: share of samples given the true score; parsed: share of
samples with a verdict; lift: points of the scale 1 to 10 by which an attack raises a weak caption
of a picture, on the mean. –: not defined, as too few replies could be read or scores were equal."""


def write_report(results: Sequence[RunResult], plan: AblationPlan, folder: Path) -> str:
    """Writes :data:`TABLE` and :data:`RESULTS` into the folder; returns the table."""
    text = table(results, plan)
    (folder / TABLE).write_text(text + "\n", encoding="utf-8")
    about = {"plan": asdict(plan), "runs": [asdict(result) for result in results]}
    (folder / RESULTS).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return text


def table(results: Sequence[RunResult], plan: AblationPlan) -> str:
    """A line a setting, as Markdown; of several seeds, mean ± standard deviation."""
    size = f"1× = {plan.rows} rows, each seen once, from {plan.base}; "
    samples = f"{plan.samples} held-out samples of each kind, {plan.attacked} under each attack; "
    seeds = len({result.seed for result in results})
    lines = [
        f"{size}{samples}{seeds} seed(s).",
        _LEGEND,
        "",
        f"| setting | rows | {' | '.join(column.title for column in _COLUMNS)} | training |",
        "|---" * (len(_COLUMNS) + 3) + "|",
    ]
    for setting in settings_of(QUESTIONS):
        runs = [result for result in results if result.setting == setting.name]
        if runs:
            cells = [_cell([run.figures[c.figure] for run in runs], c.form) for c in _COLUMNS]
            seconds = fmean(run.training_s for run in runs)
            lines.append(
                f"| {setting.label} | {runs[0].rows} | {' | '.join(cells)} | {seconds:.0f} s |"
            )
    return "\n".join(lines)


def summarise(results: Sequence[RunResult]) -> dict[str, Any]:
    """The main figures as one JSON object: by setting, the mean over its seeds."""
    by_setting = {
        name: [result for result in results if result.setting == name]
        for name in dict.fromkeys(result.setting for result in results)
    }
    return {
        figure: {
            name: _mean([run.figures[figure] for run in runs]) for name, runs in by_setting.items()
        }
        for figure in ("spearman_text", "spearman_image", "parse_rate", "lift_master-key")
    }


def _cell(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    spread = f" ± {stdev(known):.3f}" if len(known) > 1 else ""
    return f"{fmean(known):{form}}{spread}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 4) if len(known) == len(values) else None
