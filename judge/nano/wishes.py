"""Wishes for molecules: ranges of computed properties, and how far a molecule meets them."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from judge.errors import MissingExtraError
from judge.molecules import PROPERTIES, MoleculeCard, Number, molecule_card


@dataclass(frozen=True, slots=True)
class Range:
    """A wished range of one property, both ends included."""

    name: str
    low: Number
    high: Number

    def holds(self, card: MoleculeCard) -> bool:
        return self.low <= card.properties[self.name] <= self.high

    def text(self) -> str:
        return f"{self.name} {self.low} to {self.high}"


Wish = tuple[Range, ...]


def wish_text(wish: Wish) -> str:
    return "Find a molecule with " + ", ".join(part.text() for part in wish) + "."


def satisfaction(wish: Wish, card: MoleculeCard | None) -> float:
    """Share of the wish's ranges that the molecule meets, in [0, 1]; an invalid one meets none."""
    return sum(part.holds(card) for part in wish) / len(wish) if card else 0.0


# Widths of a range and the values its middle is drawn from; logP in tenths.
_WIDTHS = {
    "heavy atoms": (3, 12),
    "rings": (0, 2),
    "donors": (0, 2),
    "acceptors": (0, 4),
    "rotatable bonds": (0, 5),
    "logP": (6, 30),
}


def draw_wish(rng: random.Random, near: MoleculeCard) -> Wish:
    """A wish of two to four ranges, each met by the molecule ``near`` about half of the time."""
    names = rng.sample(PROPERTIES, rng.randint(2, 4))
    return tuple(_draw_range(rng, name, near.properties[name]) for name in names)


def _draw_range(rng: random.Random, name: str, value: Number) -> Range:
    tenths = name == "logP"
    centre = round(value * 10) if tenths else int(value)
    width = rng.randint(*_WIDTHS[name])
    if rng.random() < 0.5:
        low = centre - rng.randint(0, width)
    else:
        gap = rng.randint(1, max(2, width + width // 2))
        low = centre + gap if rng.random() < 0.5 else centre - width - gap
    low = low if tenths else max(0, low)
    return Range(name, low / 10, (low + width) / 10) if tenths else Range(name, low, low + width)


@cache
def molecule_pool() -> tuple[str, ...]:
    """SMILES of the molecules that ship inside the rdkit wheel (about 15,000, at most 60 long)."""
    try:
        from rdkit import RDConfig
    except ImportError as error:
        raise MissingExtraError("rdkit", "molecules") from error
    data = Path(RDConfig.RDDataDir)
    unique = dict.fromkeys(_wheel_smiles(data))
    return tuple(smiles for smiles in unique if len(smiles) <= 60 and "." not in smiles)


def _wheel_smiles(data: Path) -> Iterator[str]:
    with (data / "NCI" / "first_5K.smi").open() as lines:
        yield from (line.split()[0] for line in lines if line.strip())
    with (data / "Pains" / "test_data" / "wehi_mols.csv").open() as lines:
        yield from (row[0].strip() for row in csv.reader(lines) if row)


def draw_card(rng: random.Random) -> MoleculeCard:
    """The card of a random molecule of the pool."""
    pool = molecule_pool()
    while True:
        card = molecule_card(rng.choice(pool))
        if card is not None:
            return card


def made_up_card(rng: random.Random) -> MoleculeCard:
    """A card of no molecule, its numbers drawn evenly: most molecules have but few of them."""
    values: dict[str, Number] = {name: rng.randint(0, rng.choice((12, 60))) for name in PROPERTIES}
    values["logP"] = rng.randint(-50, 110) / 10
    return MoleculeCard("", MappingProxyType({name: values[name] for name in PROPERTIES}))
