"""Pictures of a run: the reward and what it does not see, on one axis of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_recipes.history import REWARDS, WATCH

Points = list[tuple[int, float]]
_SMOOTHED = 10


def plot_history(
    history: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    title: str,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Draws reward and watched figures over the steps, as PNG: on the left axis those that stay
    within [0, 1], on the right one the others.

    Args:
        history: what was logged, each with its ``step``.
        path: of the picture.
        title: above it.
        labels: what watched figures are called, by their names without ``watch/``.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, left = plt.subplots(figsize=(8, 4.5), dpi=120)
    reward = next((name for name in REWARDS if _points(history, name)), None)
    if reward is not None:
        points = _points(history, reward)
        _draw(left, points, f"{REWARDS[reward]}, each log", color="#9db4d8", linewidth=1)
        smooth = f"{REWARDS[reward]}, mean of {_SMOOTHED}"
        _draw(left, _smoothed(points), smooth, color="#2b5fa8")
    beyond: Any = None
    for index, name in enumerate(_watched(history)):
        points = _points(history, name)
        short = name.removeprefix(WATCH)
        label = (labels or {}).get(short, f"{short.replace('_', ' ')} (watched)")
        style = {"color": f"C{index + 1}", "marker": "o"}
        if all(0 <= value <= 1 for _, value in points):
            _draw(left, points, label, **style)
        else:
            beyond = beyond or left.twinx()
            _draw(beyond, points, f"{label}, right axis", linestyle="--", **style)
    left.set(xlabel="step", ylabel="share, 0 to 1", ylim=(0, 1.02), title=title)
    left.grid(alpha=0.3)
    if beyond is not None:
        low, high = beyond.get_ylim()
        beyond.set_ylim(min(0, low), max(0, high) * 1.15)  # else a small change looks large
    lines = [*left.lines, *(beyond.lines if beyond else ())]
    if lines:
        left.legend(lines, [line.get_label() for line in lines], loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _draw(axes: Any, points: Points, label: str, **style: Any) -> None:
    steps, values = zip(*points, strict=True)
    axes.plot(steps, values, label=label, **{"linewidth": 2, **style})


def _watched(history: Sequence[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for row in history for name in row)
    return [name for name in names if name.startswith(WATCH)]


def _points(history: Sequence[Mapping[str, Any]], name: str) -> Points:
    return [(row["step"], row[name]) for row in history if row.get(name) is not None]


def _smoothed(points: Points) -> Points:
    means = []
    for index, (step, _) in enumerate(points):
        window = [value for _, value in points[max(0, index - _SMOOTHED + 1) : index + 1]]
        means.append((step, sum(window) / len(window)))
    return means
