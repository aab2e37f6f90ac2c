"""Two judgements beside each other, as a picture."""

from __future__ import annotations

from pathlib import Path

from reward.plots import new_figure, save_figure
from reward.rescore.compare import Agreement, Comparisons

PICTURE = "before_after.png"
_BINS = 24
_COLORS = {
    Agreement.SAME: "#2b5fa8",
    Agreement.REVERSED: "#c4542d",
    Agreement.TIE_BEFORE: "0.75",
    Agreement.TIE_AFTER: "0.65",
    Agreement.TIE_BOTH: "0.55",
    Agreement.UNJUDGED: "0.35",
}


def draw_comparison(sums: Comparisons, path: Path) -> None:
    """Draws how often each score became which, and how pairs of candidates fared."""
    figure = new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    if len(sums.before):
        counts = left.hist2d(sums.before, sums.after, bins=_BINS, cmin=1, cmap="viridis")
        figure.colorbar(counts[3], ax=left, label="candidates")
    else:
        left.text(0.5, 0.5, "no scores from before", ha="center", transform=left.transAxes)
    left.set(xlabel="score before", ylabel="score now", title="Scores")
    names = list(Agreement)
    right.barh(
        [str(name) for name in names],
        [sums.agreements[name] for name in names],
        color=[_COLORS[name] for name in names],
    )
    right.invert_yaxis()
    right.set(xlabel="pairs of candidates", title="Preferences")
    save_figure(figure, path)
