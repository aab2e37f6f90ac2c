"""The curve over N as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reward.best_of_n.curve import CHOICES, Point
from reward.plots import new_figure, save_figure

PICTURE = "curve.png"
_STYLES: dict[str, dict[str, Any]] = {
    "judge": {"color": "#2b5fa8", "marker": "o", "linewidth": 2.2, "zorder": 3},
    "random": {"color": "0.5", "linestyle": "--"},
    "majority": {"color": "#5a9a5a", "marker": "s", "markersize": 4},
    "longest": {"color": "#b07a2a", "marker": "^", "markersize": 4},
    "oracle": {"color": "#c4542d", "linestyle": ":", "marker": "x", "markersize": 5},
}


def draw_curve(points: Sequence[Point], path: Path) -> None:
    """Draws the mean true score of each choice by N, with the spread of the judge's over seeds."""
    figure = new_figure(6.5, 4.2)
    axes = figure.subplots()
    ns = [point.n for point in points]
    for name in CHOICES:
        if points and name in points[0].means:
            axes.plot(ns, [point.means[name] for point in points], label=name, **_STYLES[name])
    judged = [point for point in points if "judge" in point.means]
    axes.fill_between(
        [point.n for point in judged],
        [point.means["judge"] - point.spread for point in judged],
        [point.means["judge"] + point.spread for point in judged],
        color=_STYLES["judge"]["color"],
        alpha=0.2,
        linewidth=0,
    )
    axes.set_xscale("log", base=2)
    axes.set_xticks(ns, [str(n) for n in ns])
    axes.minorticks_off()
    axes.set(xlabel="candidates to choose from (N)", ylabel="mean true score of the choice")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
