"""Going on with a run that was stopped: the last whole checkpoint, and whether it is that run's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from judge.errors import RequestError

SETTINGS = "run.json"
"""What a run was told, in its output folder."""


def last_whole_checkpoint(folder: Path) -> str | None:
    """A trainer's last checkpoint; one that a kill left half written is passed over."""
    whole = [state.parent for state in folder.glob("checkpoint-*/trainer_state.json")]
    last = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if last is None else str(last)


def claim_folder(
    folder: Path,
    settings: Mapping[str, Any],
    *,
    is_begun: bool | None = None,
    file: str = SETTINGS,
) -> None:
    """Notes what the run is told; the work of a run told otherwise is not gone on with.

    Args:
        folder: the run's output folder.
        settings: everything that its results depend on, as JSON has it.
        is_begun: whether the folder holds work to go on with; by default, whether it holds a
            checkpoint.
        file: where it is noted.

    Raises:
        RequestError: the folder holds the work of another run; the message says what differs.
    """
    path = folder / file
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    if is_begun is None:
        is_begun = last_whole_checkpoint(folder) is not None
    if path.is_file() and is_begun:
        before = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads(text)
        changed = [
            f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise RequestError(
                f"{folder} holds checkpoints of another run: {'; '.join(changed)}. Give another "
                "--output_dir, or delete this one"
            )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
