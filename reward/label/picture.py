"""The picture of a labelling run: which scores the judge gave, and to whom."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from reward.label.tally import Tally
from reward.plots import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = "scores.png"
_BINS = 40
_CHOSEN, _REJECTED, _ALL = "#2b5fa8", "#c4542d", "0.65"


def draw_scores(tally: Tally, path: Path) -> None:
    """Draws histograms of the candidates' mean scores: of all, and of those chosen and rejected."""
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2, sharex=True)
    _draw(left, tally.scores, _ALL, f"{tally.scores.total()} candidates")
    left.set(title="All candidates judged", ylabel="candidates")
    _draw(right, tally.chosen_scores, _CHOSEN, "chosen")
    _draw(right, tally.rejected_scores, _REJECTED, "rejected")
    right.set_title(f"Of {tally.kept} pairs")
    for axes in (left, right):
        axes.set_xlabel("mean score")
        axes.yaxis.get_major_locator().set_params(integer=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    save_figure(figure, path)


def _draw(axes: Axes, counts: Counter[float], color: str, name: str) -> None:
    if not counts:
        return
    values = sorted(counts)
    axes.hist(
        values,
        bins=min(_BINS, max(10, len(values))),
        weights=[counts[value] for value in values],
        color=color,
        alpha=0.6,
        label=name,
    )
