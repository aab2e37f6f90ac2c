"""Rubrics as data: criteria, scale and range of the reward, one TOML file a rubric.

name = "captioning"
version = 1
scale = [1, 10]            # lowest and highest score
reward_range = [0.0, 1.0]  # optional: what the scale's ends become as a reward
criteria = "…{low}…{high}…"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Literal

from judge.errors import RequestError

_HERE = Path(__file__).parent
RUBRICS: tuple[str, ...] = tuple(sorted(path.stem for path in _HERE.glob("*.toml")))
"""Names of the rubrics that ship."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """What a candidate is rated by.

    ``scale`` holds the lowest and highest score, ``reward_range`` the rewards they become
    (linear between them). ``criteria`` may name ``{low}`` and ``{high}``. With ``candidate``
    ``"molecule"`` a text cannot be judged, as it could state a card of its own.
    """

    name: str
    criteria: str
    scale: tuple[float, float] = (1, 10)
    reward_range: tuple[float, float] = (0.0, 1.0)
    version: int = 1
    candidate: Literal["text", "molecule"] = "text"

    def fingerprint(self) -> str:
        """The name, and eight hex digits that change with anything in the rubric."""
        return f"{self.name}-{sha256(repr(self).encode()).hexdigest()[:8]}"

    def __post_init__(self) -> None:
        if not self.criteria.strip():
            raise RequestError(f"rubric {self.name!r} has no criteria")
        for field, (low, high) in (("scale", self.scale), ("reward_range", self.reward_range)):
            ends: tuple[object, ...] = (low, high)
            if not all(isinstance(end, int | float) and isfinite(end) for end in ends):
                raise RequestError(f"rubric {self.name!r}: {field} takes two numbers, got {ends}")
            if not low < high:
                raise RequestError(f"rubric {self.name!r}: {field} must rise, got {ends}")
        if self.candidate not in {"text", "molecule"}:
            raise RequestError(
                f"rubric {self.name!r}: candidate is 'text' or 'molecule', got {self.candidate!r}"
            )


@cache
def load_rubric(name_or_path: str) -> Rubric:
    """A shipped rubric by name, or one of your own by the path of its TOML file.

    Raises:
        RequestError: no such rubric, or a file that does not hold one.
    """
    path = _HERE / f"{name_or_path}.toml" if name_or_path in RUBRICS else Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        raise RequestError(
            f"unknown rubric {name_or_path!r}: expected one of {', '.join(RUBRICS)}, "
            "or the path of a .toml file"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        low, high = table.get("scale", (1, 10))
        reward_low, reward_high = table.get("reward_range", (0.0, 1.0))
        return Rubric(
            name=str(table.get("name", path.stem)),
            criteria=str(table["criteria"]).strip(),
            scale=(low, high),
            reward_range=(reward_low, reward_high),
            version=int(table.get("version", 1)),
            candidate=table.get("candidate", "text"),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise RequestError(f"{path} does not hold a rubric: {error!r}") from error
