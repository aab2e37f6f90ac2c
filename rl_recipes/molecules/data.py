"""Wishes for molecules in words and ranges, and the molecules that they are drawn near."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from datasets import Dataset

from judge.errors import RequestError
from judge.messages import is_messages, message_text
from judge.molecules import PROPERTIES, MoleculeCard, molecule_card
from judge.nano.reading import read_wish
from judge.nano.wishes import Wish, draw_wish, molecule_pool, wish_text
from rl_recipes.molecules.chem.validity import ValidMolecule, check
from rl_recipes.rows import load_rows

Messages = list[dict[str, str]]

HELD_OUT_EVERY = 10
"""Each tenth molecule of the pool is kept from the policy; held-out wishes are drawn near those."""
LONGEST = 36
"""Longest canonical SMILES of the pool in characters. A small model loses track of brackets and
rings in longer ones, and generation takes as long as the longest.
"""


def chat(wish: Wish) -> Messages:
    """The wish as the policy's prompt; the judge is shown the same words as the question."""
    return [{"role": "user", "content": wish_text(wish)}]


def instructed(prompt: Messages, instruction: str) -> Messages:
    """The prompt behind a system message, where there is an instruction and the prompt has none."""
    if not instruction or prompt[0]["role"] == "system":
        return prompt
    return [{"role": "system", "content": instruction}, *prompt]


def wish_of(prompt: Messages) -> Wish:
    """The wish of a prompt's last turn, in the words of :func:`judge.nano.wishes.wish_text`.

    Raises:
        RequestError: it states none.
    """
    try:
        return read_wish(message_text(prompt[-1:], "prompt"))
    except ValueError as error:
        raise RequestError(
            "a prompt of this recipe is a wish such as 'Find a molecule with rings 1 to 2, logP "
            f"1.0 to 3.0.', with ranges of {', '.join(PROPERTIES)}: {error}"
        ) from error


def training_wishes(count: int, seed: int) -> Dataset:
    """Rows for TRL's trainers: ``prompt``, chat messages, and nothing of any answer."""
    rng = random.Random(f"molecules/train/{seed}")
    return _dataset([chat(_draw(rng, training_molecules())) for _ in range(count)])


def held_out_wishes(count: int, seed: int = 0) -> list[Messages]:
    """Prompts with wishes near molecules that the policy has not seen."""
    rng = random.Random(f"molecules/held-out/{seed}")
    return [chat(_draw(rng, held_out_molecules())) for _ in range(count)]


def load_wishes(source: str, limit: int) -> list[Messages]:
    """Prompts of the user's own, one a row, in the column ``prompt`` (text or chat messages).

    Raises:
        RequestError: the rows cannot be read, lack the column, or hold a prompt without a wish.
    """
    rows = load_rows(source, limit=limit)
    if "prompt" not in rows.column_names:
        raise RequestError(
            f"{source!r} has no column 'prompt'; it has {', '.join(rows.column_names)}"
        )
    prompts = [_messages(prompt) for prompt in rows["prompt"]]
    for prompt in prompts:
        wish_of(prompt)
    return prompts


def load_training(source: str, limit: int) -> Dataset:
    """Rows of :func:`load_wishes` for TRL's trainers.

    Raises:
        RequestError: as there.
    """
    return _dataset(load_wishes(source, limit))


def _dataset(prompts: list[Messages]) -> Dataset:
    return Dataset.from_dict({"prompt": prompts})


def _messages(prompt: Any) -> Messages:
    if is_messages(prompt):
        return [dict(message) for message in prompt]
    return [{"role": "user", "content": str(prompt)}]


def _draw(rng: random.Random, molecules: tuple[str, ...]) -> Wish:
    return draw_wish(rng, card_of(rng.choice(molecules)))


@cache
def training_molecules() -> tuple[str, ...]:
    """Canonical SMILES that nano-molgen was pre-trained on, about 7,700."""
    return tuple(smiles for index, smiles in enumerate(_molecules()) if index % HELD_OUT_EVERY)


@cache
def held_out_molecules() -> tuple[str, ...]:
    """Canonical SMILES that it has not seen, about 860."""
    return _molecules()[::HELD_OUT_EVERY]


@cache
def _molecules() -> tuple[str, ...]:
    checked = (check(smiles) for smiles in molecule_pool())
    unique = dict.fromkeys(each.smiles for each in checked if isinstance(each, ValidMolecule))
    return tuple(smiles for smiles in unique if len(smiles) <= LONGEST)


@cache
def card_of(smiles: str) -> MoleculeCard:
    """The card of a valid molecule.

    Raises:
        ValueError: it is not one.
    """
    card = molecule_card(smiles)
    if card is None:
        raise ValueError(f"expected a valid molecule, got {smiles!r}")
    return card
