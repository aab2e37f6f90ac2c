"""Pictures to caption: of the synthetic world, or rows of the user's own."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from PIL import Image

from judge.errors import RequestError
from judge.messages import is_messages
from judge.nano.scenes import Scene, caption, draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from rl_recipes.captioning.options import CaptioningOptions
from rl_recipes.rows import load_rows

Messages = list[dict[str, Any]]

PROMPT: Messages = [{"role": "user", "content": CAPTION_INSTRUCTION}]
"""The prompt of the synthetic world; TRL puts the row's picture before the text."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A picture for evaluation, and what is known of it, of which no reward sees the ``scene``.

    ``references`` are good captions, ``facts`` phrases that are true of it; both may be empty.
    """

    picture: Image.Image
    prompt: Messages
    references: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    scene: Scene | None = None


def training_pictures(count: int, seed: int, *, with_facts: bool = False) -> Dataset:
    """Rows for TRL's trainers: ``prompt`` and ``image``; of the truth nothing but ``facts``, where
    they are asked for.
    """
    rng = random.Random(f"captioning/train/{seed}")
    scenes = []
    pictures = []
    for _ in range(count):
        scenes.append(draw_scene(rng))
        pictures.append(render(scenes[-1], rng))
    columns: dict[str, list[Any]] = {"prompt": [PROMPT] * count, "image": pictures}
    if with_facts:
        columns["facts"] = [list(scene_facts(scene)) for scene in scenes]
    return Dataset.from_dict(columns)


def held_out(count: int, seed: int = 0) -> list[HeldOut]:
    """Pictures from a stream that training does not draw from."""
    rng = random.Random(f"captioning/held-out/{seed}")
    scenes = [draw_scene(rng) for _ in range(count)]
    return [
        HeldOut(render(scene, rng), PROMPT, (caption(scene),), scene_facts(scene), scene)
        for scene in scenes
    ]


def scene_facts(scene: Scene) -> tuple[str, ...]:
    """What is true of a scene, in phrases of the reference caption."""
    return tuple(
        phrase
        for item in scene.items
        for phrase in (
            f"{item.size} {item.color}",
            f"{item.color} {item.shape}",
            f"{item.shape} at the {item.place}",
        )
    )


def load_training(source: str, options: CaptioningOptions, limit: int) -> Dataset:
    """Rows of the user's own: ``prompt``, ``image``, ``reference`` (the first, of several) where
    the judge is to see it, and ``facts`` where they count.

    Raises:
        RequestError: the rows cannot be read, or lack a column.
    """
    rows = load_rows(source, (options.image_column,), limit)
    asked_for = {"reference": options.show_reference, "facts": options.claims_weight > 0}
    columns: dict[str, list[Any]] = {"prompt": [], "reference": [], "facts": []}
    for name, is_asked_for in asked_for.items():
        if is_asked_for and name not in rows.column_names:
            raise RequestError(
                f"{source!r} has no column {name!r}; it has {', '.join(rows.column_names)}"
            )
    texts = [name for name in columns if name in rows.column_names]
    for row in rows.select_columns(texts) if texts else [{}] * len(rows):
        columns["prompt"].append(_messages(row.get("prompt"), options))
        columns["reference"].append(next(iter(_references(row)), None))
        columns["facts"].append(row.get("facts"))
    shown = rows.select_columns([options.image_column])
    if options.image_column != "image":
        shown = shown.rename_column(options.image_column, "image")
    for name, values in columns.items():
        if asked_for.get(name, True):
            shown = shown.add_column(name, values)
    return shown


def load_held_out(source: str, options: CaptioningOptions, limit: int) -> list[HeldOut]:
    """Held-out rows of the user's own, with whatever is known of them.

    Raises:
        RequestError: the rows cannot be read, or lack the picture.
    """
    return list(_held_out_rows(load_rows(source, (options.image_column,), limit), options))


def _held_out_rows(rows: Dataset, options: CaptioningOptions) -> Iterator[HeldOut]:
    for row in rows:
        yield HeldOut(
            row[options.image_column].convert("RGB"),
            _messages(row.get("prompt"), options),
            _references(row),
            tuple(row.get("facts") or ()),
        )


def _references(row: Mapping[str, Any]) -> tuple[str, ...]:
    found = row.get("reference") or ()
    return (found,) if isinstance(found, str) else tuple(found)


def _messages(prompt: Any, options: CaptioningOptions) -> Messages:
    if is_messages(prompt):
        return [dict(turn) for turn in prompt]
    return [{"role": "user", "content": prompt or options.instruction}]
