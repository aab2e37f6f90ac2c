"""The recipes by their names; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from judge.errors import RequestError
from rl_recipes.recipe import Recipe


def load_recipe(name: str) -> Recipe[Any]:
    """The recipe of that name.

    Raises:
        RequestError: there is none.
    """
    if name not in RECIPES:
        raise RequestError(f"no recipe {name!r}: expected {' or '.join(RECIPES)}")
    return RECIPES[name]()


def _captioning() -> Recipe[Any]:
    from rl_recipes.captioning.recipe import CaptioningRecipe

    return CaptioningRecipe()


def _molecules() -> Recipe[Any]:
    from rl_recipes.molecules.recipe import MoleculesRecipe

    return MoleculesRecipe()


RECIPES: dict[str, Callable[[], Recipe[Any]]] = {
    "captioning": _captioning,
    "molecules": _molecules,
}
