"""Model cards of the nano family: Markdown files beside this one, copied into the folders."""

from __future__ import annotations

import shutil
from pathlib import Path

_CARDS = Path(__file__).parent / "model_cards"


def write_card(name: str, folder: Path) -> None:
    """Puts the card of the model ``name`` into its folder as README.md."""
    shutil.copyfile(_CARDS / f"{name}.md", folder / "README.md")
