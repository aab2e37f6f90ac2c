"""Histograms of reasoning lengths, before and after the choice."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from judge.errors import MissingExtraError
from judge.sft.curate.keep import Sample
from judge.sft.curate.plan import CuratePlan

_BINS = 40


def require_plots() -> None:
    """Raises MissingExtraError where matplotlib is not installed: before hours of judging."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "train")


def draw_lengths(
    kept: Sequence[Sample], chosen: Sequence[Sample], plan: CuratePlan, path: Path
) -> None:
    """Draws how long the reasoning is: of all pairs that were kept, and of what was chosen."""
    from matplotlib.figure import Figure

    singles = [sample.tokens for sample in chosen if len(sample.places) == 1]
    pairs = [sample.tokens for sample in chosen if len(sample.places) == 2]
    before = [sample.tokens for sample in kept]
    longest = max(before + singles + pairs, default=1)
    edges = [longest * step / _BINS for step in range(_BINS + 1)]
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.hist(before, bins=edges, color="0.6")
    above.set_title(f"before: {len(before)} pairs that the teacher agrees on")
    series = [
        (pairs, "pairs", plan.pair_min_tokens, "tab:blue"),
        (singles, "single answers", plan.single_min_tokens, "tab:orange"),
    ]
    for tokens, name, least, color in series:
        if tokens:
            below.hist(tokens, bins=edges, color=color, alpha=0.6, label=f"{len(tokens)} {name}")
            if 0 < least <= longest:
                below.axvline(least, color=color, linestyle="--", label=f"least: {least}")
    below.set_title(f"after: {len(chosen)} rows chosen")
    below.set_xlabel("tokens of reasoning" + ("" if plan.tokenizer else " (words × 4/3)"))
    below.legend()
    for axes in (above, below):
        axes.set_ylabel("rows")
        axes.yaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=100, metadata={"Software": None})
