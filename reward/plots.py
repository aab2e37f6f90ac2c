"""What all plots share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from judge.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def require_plots() -> None:
    """Raises MissingExtraError where matplotlib is not installed: before hours of judging."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "label")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, of that size in inches, that no window shows."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG; the same bytes for the same figure."""
    figure.savefig(path, dpi=110, metadata={"Software": None})
