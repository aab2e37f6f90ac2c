"""What of an answer can be measured without a judge: length, repetition, form, a valid molecule.

A term is a function from a candidate to a number in [0, 1], where 1 is good. The ones here are
frozen dataclasses of their settings, so that they can be compared, printed and pickled; any
function of a module serves as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from judge.errors import MissingExtraError
from judge.types import Candidate
from reward.wire import encodable

Term = Callable[[Candidate], float]
"""From a candidate to a number in [0, 1]; never raises on account of what the candidate says."""
Unit = Literal["words", "characters"]
"""What lengths and n-grams are counted in; words are what stands between white space."""

_CLOSING = "\"'”’»)]}*_`"
_ENDINGS = ".!?…。！？"


def length_band(length: int, low: int, high: int | None, margin: int) -> float:
    """1 within [low, high]; outside it falls linearly and reaches 0 at ``margin`` beyond its ends.

        1 − min(1, distance / margin)        with distance = low − length, or length − high

    A margin of 0 makes it 0 outside; without ``high`` there is no upper end. The upper side is 1
    plus the soft overlong punishment of DAPO (arXiv 2503.14476, equation 13), whose L_max is
    ``high + margin`` and whose L_cache is ``margin``.
    """
    distance = max(low - length, 0 if high is None else length - high, 0)
    return 1.0 - min(1.0, distance / margin) if margin else float(distance == 0)


def distinct_ngrams(units: Sequence[str], n: int) -> float:
    """Different n-grams over all n-grams (distinct-n, arXiv 1510.03055): 1 where none repeats.

    With fewer than ``n`` units there is nothing to repeat: 1.
    """
    ngrams = [tuple(units[start : start + n]) for start in range(len(units) - n + 1)]
    return len(set(ngrams)) / len(ngrams) if ngrams else 1.0


def ends_well(text: str, endings: str = _ENDINGS) -> bool:
    """Whether the last character is one of ``endings``, closing quotes, brackets and white space
    aside. A text cut off in mid-sentence does not end well, nor does an empty one.
    """
    return text.rstrip().rstrip(_CLOSING).endswith(tuple(endings))


def split_units(text: str, unit: Unit) -> list[str]:
    """The text's words in lower case, or its characters without outer white space."""
    return text.casefold().split() if unit == "words" else list(text.strip())


@dataclass(frozen=True, slots=True)
class LengthBand:
    """:func:`length_band` of a text's length in ``unit``. ``high`` None: no upper end.

    Raises:
        ValueError: an end or the margin is below 0, or ``low`` above ``high``.
    """

    low: int = 0
    high: int | None = None
    margin: int = 0
    unit: Unit = "words"

    def __post_init__(self) -> None:
        if not 0 <= self.low <= (self.low if self.high is None else self.high) or self.margin < 0:
            raise ValueError(
                "a length band takes 0 <= low <= high and a margin of at least 0, "
                f"got low={self.low}, high={self.high}, margin={self.margin}"
            )

    def __call__(self, candidate: Candidate) -> float:
        length = len(split_units(candidate.text, self.unit))
        return length_band(length, self.low, self.high, self.margin)


@dataclass(frozen=True, slots=True)
class Repetition:
    """:func:`distinct_ngrams` of a text's units: 1 where nothing repeats, towards 0 for a loop.

    Raises:
        ValueError: ``n`` below 1.
    """

    n: int = 3
    unit: Unit = "words"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n-grams have n of at least 1, got {self.n}")

    def __call__(self, candidate: Candidate) -> float:
        return distinct_ngrams(split_units(candidate.text, self.unit), self.n)


@dataclass(frozen=True, slots=True)
class Pattern:
    """1 where a regular expression is found in the text (with ``forbidden``: where it is not).

    Expressions are RE2's, whose time is linear in the text: no candidate can make one hang, as it
    can with Python's ``re``. RE2 has no look-around and no back-references. ``^`` and ``$`` are
    the ends of the text; ``(?m)`` makes them those of lines, ``(?s)`` lets ``.`` match line ends,
    ``(?i)`` ignores case.

    Raises:
        ValueError: not an expression of RE2.
        MissingExtraError: RE2 is not installed.
    """

    pattern: str
    forbidden: bool = False

    def __post_init__(self) -> None:
        _compiled(self.pattern)

    def __call__(self, candidate: Candidate) -> float:
        found = _compiled(self.pattern).search(encodable(candidate.text)) is not None
        return float(found != self.forbidden)


@dataclass(frozen=True, slots=True)
class Ending:
    """1 where the text ends in one of the characters of ``endings``; see :func:`ends_well`.

    Raises:
        ValueError: no endings.
    """

    endings: str = _ENDINGS

    def __post_init__(self) -> None:
        if not self.endings:
            raise ValueError("an ending takes at least one character")

    def __call__(self, candidate: Candidate) -> float:
        return float(ends_well(candidate.text, self.endings))


@dataclass(frozen=True, slots=True)
class ValidMolecule:
    """1 where the candidate is one whole valid molecule by RDKit; 0 too where it is none at all.

    Raises:
        MissingExtraError: at the call, RDKit is not installed.
    """

    def __call__(self, candidate: Candidate) -> float:
        from judge.molecules import read_molecule

        smiles = candidate.molecule
        return float(smiles is not None and read_molecule(smiles) is not None)


@cache
def _compiled(pattern: str) -> Any:
    try:
        import re2
    except ImportError as error:
        raise MissingExtraError("google-re2", "compose", "serve") from error

    options = re2.Options()
    options.log_errors = False  # it would write them to stderr; they are raised here
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        (why,) = error.args
        raise ValueError(f"{pattern!r} is no regular expression of RE2: {why.decode()}") from None
