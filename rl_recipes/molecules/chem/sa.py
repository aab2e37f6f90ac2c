"""Synthetic accessibility, by the model that ships inside the rdkit wheel.

P. Ertl, A. Schuffenhauer: Estimation of synthetic accessibility score of drug-like molecules based
on molecular complexity and fragment contributions, J. Cheminformatics 1:8 (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from rdkit import RDConfig


def sa_score(molecule: Any) -> float:
    """From 1 (easy to make) to 10 (hard to make)."""
    return float(_scorer()(molecule))


@cache
def _scorer() -> Callable[[Any], float]:
    """The wheel's function; its file lies outside of any package."""
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = spec_from_file_location("sascorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"this build of RDKit lacks {path}; the wheels from PyPI have it")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Callable[[Any], float] = module.calculateScore
    return score
