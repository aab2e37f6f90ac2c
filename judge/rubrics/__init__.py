"""Rubrics as data: criteria, scale and range of the reward, one TOML file a rubric.

name = "captioning"
version = 1
scale = [1, 10]            # lowest and highest score
reward_range = [0.0, 1.0]  # optional: what the scale's ends become as a reward
decimals = 0               # optional: most decimals of a score; any number of them if left out
ties = "allowed"           # optional: or "forbidden", where candidates are compared
criteria = "…{low}…{high}…"

[options]                  # optional: what a choice may be, and the points it gives each candidate
"A>B" = [1, 0]
"B>A" = [0, 1]
"A=B" = [0.5, 0.5]
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from string import ascii_letters, digits
from typing import Literal

from judge.errors import RequestError

_OPTION_CHARACTERS = frozenset(ascii_letters + digits + "<=> _-")
_HERE = Path(__file__).parent
RUBRICS: tuple[str, ...] = tuple(sorted(path.stem for path in _HERE.glob("*.toml")))
"""Names of the rubrics that ship."""


Options = tuple[tuple[str, tuple[float, ...]], ...]
"""Names of options, and the points in [0, 1] that each gives the candidates in order."""
_THREE_WAY: Options = (("A>B", (1.0, 0.0)), ("B>A", (0.0, 1.0)), ("A=B", (0.5, 0.5)))


@dataclass(frozen=True, slots=True)
class Rubric:
    """What a candidate is rated by.

    ``scale`` holds the lowest and highest score, ``reward_range`` the rewards they become
    (linear between them). ``criteria`` may name ``{low}`` and ``{high}``. With ``candidate``
    ``"molecule"`` a text cannot be judged, as it could state a card of its own. ``decimals`` is
    the most that a score may have (None: any), ``ties`` tells whether candidates compared may get
    equal scores, and ``options`` what a choice between two may be.
    """

    name: str
    criteria: str
    scale: tuple[float, float] = (1, 10)
    reward_range: tuple[float, float] = (0.0, 1.0)
    version: int = 1
    candidate: Literal["text", "molecule"] = "text"
    decimals: int | None = None
    ties: Literal["allowed", "forbidden"] = "allowed"
    options: Options = _THREE_WAY
    _fingerprint: str = field(init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """The name, and eight hex digits that change with anything in the rubric."""
        return self._fingerprint

    def __post_init__(self) -> None:
        if not self.criteria.strip():
            raise RequestError(f"rubric {self.name!r} has no criteria")
        for name, (low, high) in (("scale", self.scale), ("reward_range", self.reward_range)):
            ends: tuple[object, ...] = (low, high)
            if not all(isinstance(end, int | float) and isfinite(end) for end in ends):
                raise RequestError(f"rubric {self.name!r}: {name} takes two numbers, got {ends}")
            if not low < high:
                raise RequestError(f"rubric {self.name!r}: {name} must rise, got {ends}")
        if self.candidate not in {"text", "molecule"}:
            raise RequestError(
                f"rubric {self.name!r}: candidate is 'text' or 'molecule', got {self.candidate!r}"
            )
        if self.ties not in {"allowed", "forbidden"}:
            raise RequestError(
                f"rubric {self.name!r}: ties is 'allowed' or 'forbidden', got {self.ties!r}"
            )
        decimals: object = self.decimals
        if decimals is not None and (not isinstance(decimals, int) or not 0 <= decimals <= 9):
            raise RequestError(f"rubric {self.name!r}: decimals is 0 to 9, got {decimals!r}")
        _check_options(self.name, self.options)
        fingerprint = f"{self.name}-{sha256(repr(self).encode()).hexdigest()[:8]}"
        object.__setattr__(self, "_fingerprint", fingerprint)


def _read_options(table: dict[str, list[float]]) -> Options:
    return tuple((name, tuple(float(p) for p in points)) for name, points in table.items())


def _check_options(name: str, options: Options) -> None:
    given = {points for _, points in options}
    if len(options) < 2 or len(given) < len(options):
        raise RequestError(f"rubric {name!r}: options are two or more, each with its own points")
    for option, points in options:
        if len(points) != 2 or not all(0 <= point <= 1 for point in points):
            raise RequestError(
                f"rubric {name!r}: option {option!r} gives two candidates points from 0 to 1, "
                f"got {points}"
            )
        if not set(option) <= _OPTION_CHARACTERS:
            raise RequestError(
                f"rubric {name!r}: an option is letters, digits and '<=> _-', got {option!r}"
            )
        if points[::-1] not in given:
            raise RequestError(
                f"rubric {name!r}: no option is {option!r} with the candidates swapped"
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
            decimals=table.get("decimals"),
            ties=table.get("ties", "allowed"),
            options=_read_options(table["options"]) if "options" in table else _THREE_WAY,
        )
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RequestError(f"{path} does not hold a rubric: {error!r}") from error
