"""What a captioning run leaves to look at: a plot and a page of pictures."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from judge.media import data_uri, load_image
from judge.nano.captions import accuracy
from judge.nano.scenes import caption, render
from rl_recipes.captioning.data import HeldOut
from rl_recipes.captioning.evaluate import CaptionReport

_PAGE = Path(__file__).parent / "samples.html"


def read_history(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plot_history(history: Sequence[dict[str, Any]], path: Path) -> None:
    """The judge's reward and the true accuracy on one time axis, as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rewards = [(row["step"], row["reward"]) for row in history if "reward" in row]
    truths = [(row["step"], row["true_accuracy"]) for row in history if "true_accuracy" in row]
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    lines: tuple[tuple[Sequence[tuple[int, float]], str, dict[str, Any]], ...] = (
        (rewards, "judge's reward, each step", {"color": "#9db4d8", "linewidth": 1}),
        (_smooth(rewards), "judge's reward, mean of 10 steps", {"color": "#2b5fa8"}),
        (
            truths,
            "true accuracy (held out, unseen by the reward)",
            {"color": "#c4542d", "marker": "o"},
        ),
    )
    for points, label, style in lines:
        if points:
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, label=label, **{"linewidth": 2, **style})
    axes.set(xlabel="GRPO step", ylabel="share, 0 to 1", ylim=(0, 1.02))
    axes.set_title("Captioner aligned with the judge's reward")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _smooth(points: Sequence[tuple[int, float]], width: int = 10) -> list[tuple[int, float]]:
    means = []
    for index, (step, _) in enumerate(points):
        window = [value for _, value in points[max(0, index - width + 1) : index + 1]]
        means.append((step, sum(window) / len(window)))
    return means


def write_page(
    rows: Sequence[HeldOut],
    before: CaptionReport,
    after: CaptionReport,
    path: Path,
    count: int = 24,
) -> None:
    """A page of pictures with captions and the judge's reasoning, before and after."""
    cards = [_card(row, (before, after), index) for index, row in enumerate(rows[:count])]
    path.write_text(
        _PAGE.read_text(encoding="utf-8").replace("{cards}", "\n".join(cards)), encoding="utf-8"
    )


def _card(row: HeldOut, reports: Sequence[CaptionReport], index: int) -> str:
    picture = data_uri(load_image(render(row.scene, scale=3)))
    columns = []
    for name, report in zip(("before", "after"), reports, strict=True):
        text, reward = report.captions[index], report.rewards[index]
        true = accuracy(row.scene, text)
        judged = f"unjudged ({reward.reason})" if reward.value is None else f"{reward.value:.2f}"
        columns.append(
            f"<div><h3>{name}</h3><p class=caption>{html.escape(text) or '<i>(empty)</i>'}</p>"
            f"<p>judge's reward <b>{judged}</b> · true accuracy <b>{true:.2f}</b></p>"
            "<details><summary>the judge's reasoning</summary>"
            f"<pre>{html.escape(reward.rationale)}</pre></details></div>"
        )
    return (
        f"<article><figure><img src='{picture}' alt='scene {index}' width=168 height=168>"
        f"<figcaption>{html.escape(caption(row.scene))}</figcaption></figure>{''.join(columns)}</article>"
    )
