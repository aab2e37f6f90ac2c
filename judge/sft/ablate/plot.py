"""The plot of an ablation: how well each judge ranks captions of texts and of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from judge.sft.ablate.report import RunResult
from judge.sft.ablate.settings import QUESTIONS, SETTINGS, Setting, settings_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT = "plot.png"
Style = dict[str, Any]
"""Keywords of matplotlib's ``plot``."""

_SERIES = (
    ("spearman_text", "captions of texts", "#2b5fa8", "o"),
    ("spearman_image", "captions of pictures", "#c4542d", "s"),
)
_OF_ONE_SIZE = tuple(setting for setting in settings_of(QUESTIONS) if setting.size == 1)


def plot(results: Sequence[RunResult], path: Path) -> None:
    """Rank correlation against the data's size, and by kind of data, as PNG. A point is a run; one
    whose correlation is not defined has none.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.5), dpi=120, sharey=True, layout="constrained"
    )
    for name, label, color, marker in _SERIES:
        style: Style = {"color": color, "marker": marker, "label": label}
        _plot_sizes(left, _points(results, SETTINGS["size"], name), style)
        _plot_settings(right, _points(results, _OF_ONE_SIZE, name), style)
    left.set(xlabel="training rows", ylabel="Spearman with the true score", title="Size of data")
    right.set_title("Kind of data, at the baseline's size")
    right.set_xticks(
        range(len(_OF_ONE_SIZE)), [each.label.replace(" ", "\n") for each in _OF_ONE_SIZE]
    )
    right.set_xlim(-0.5, len(_OF_ONE_SIZE) - 0.5)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    figure.savefig(path)
    plt.close(figure)


def _points(
    results: Sequence[RunResult], settings: Sequence[Setting], figure: str
) -> list[tuple[int, int, float]]:
    """Place of the setting, rows and figure of each run that has it."""
    return [
        (place, run.rows, run.figures[figure])
        for place, setting in enumerate(settings)
        for run in results
        if run.setting == setting.name and run.figures[figure] is not None
    ]


def _plot_sizes(axes: Axes, points: Sequence[tuple[int, int, float]], style: Style) -> None:
    """The runs, and a line through the mean of each size."""
    sizes = sorted({rows for _, rows, _ in points})
    means = [fmean(value for _, rows, value in points if rows == size) for size in sizes]
    axes.plot(sizes, means, color=style["color"])
    axes.plot([x for _, x, _ in points], [y for _, _, y in points], linestyle="none", **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])


def _plot_settings(axes: Axes, points: Sequence[tuple[int, int, float]], style: Style) -> None:
    axes.plot([x for x, _, _ in points], [y for _, _, y in points], linestyle="none", **style)
