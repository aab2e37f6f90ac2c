"""The synthetic world read back from words: scenes, wishes and cards, as they were written.

Each function is the inverse of the one that writes such a text, and reads nothing else.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from judge.molecules import PROPERTIES, MoleculeCard, Number
from judge.nano.scenes import WORDS, Item, Scene
from judge.nano.wishes import Range, Wish

_WORD = {name: f"(?P<{name}>{'|'.join(words)})" for name, words in WORDS.items()}
_LINES = tuple(
    re.compile(line.format(**_WORD))
    for line in (
        "{place}: {shape}, {color}, {size}",
        "shape {shape}, size {size}, place {place}, color {color}",
        "{place}: {color} {shape} {size}",
    )
)
_EMPTY = re.compile("{place}: empty".format(**_WORD))
_WISH = re.compile(r"Find a molecule with (.+)\.")
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"({'|'.join(PROPERTIES)}) {_NUMBER} to {_NUMBER}")
_INVALID = re.compile(r"SMILES: .*\nvalid: no")
_CARD = re.compile(
    r"SMILES: (.*)\nvalid: yes\n" + "\n".join(f"{name}: {_NUMBER}" for name in PROPERTIES)
)


def read_scene(text: str) -> Scene:
    """The scene that :func:`judge.nano.scenes.tell` told, in any of its layouts.

    Raises:
        ValueError: a line that tells of no object and of no empty place.
    """
    items = (_read_item(line) for line in text.split("\n") if not _EMPTY.fullmatch(line))
    return Scene(tuple(items))


def read_wish(text: str) -> Wish:
    """The wish in the words of :func:`judge.nano.wishes.wish_text`.

    Raises:
        ValueError: the text is no such wish.
    """
    wish = _WISH.fullmatch(text)
    if wish is None:
        raise ValueError(f"expected 'Find a molecule with …', got {text[:80]!r}")
    return tuple(_read_range(part) for part in wish.group(1).split(", "))


def read_card(text: str) -> MoleculeCard | None:
    """The card in the words of :func:`judge.molecules.molecule_text`; None of an invalid molecule.

    Raises:
        ValueError: the text is neither.
    """
    if _INVALID.fullmatch(text):
        return None
    card = _CARD.fullmatch(text)
    if card is None:
        raise ValueError(f"expected a molecule's SMILES and properties, got {text[:80]!r}")
    smiles, *values = card.groups()
    numbers = {n: _number(n, value) for n, value in zip(PROPERTIES, values, strict=True)}
    return MoleculeCard(smiles, MappingProxyType(numbers))


def _read_item(line: str) -> Item:
    for layout in _LINES:
        if told := layout.fullmatch(line):
            return Item(**told.groupdict())
    raise ValueError(f"expected an object with size, color, shape and place, got {line[:80]!r}")


def _read_range(text: str) -> Range:
    part = _RANGE.fullmatch(text)
    if part is None:
        raise ValueError(f"expected a property's range such as 'rings 1 to 2', got {text[:80]!r}")
    name, low, high = part.groups()
    return Range(name, _number(name, low), _number(name, high))


def _number(name: str, text: str) -> Number:
    return float(text) if name == "logP" else int(text)
