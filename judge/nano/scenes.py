"""A small visual world whose facts are known exactly.

A scene holds two or three items on a 3x3 grid of places. It can be shown as a picture
(84x84 pixels, one grid cell per merged vision patch), told in words, or captioned.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, fields, replace

from PIL import Image, ImageDraw

SIZES = ("small", "large")
COLORS = {
    "red": (214, 40, 40),
    "orange": (247, 140, 20),
    "yellow": (245, 220, 40),
    "green": (40, 160, 70),
    "blue": (40, 90, 210),
    "purple": (140, 60, 180),
    "black": (25, 25, 25),
}
SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross")
PLACES = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "middle center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)
CELL = 28
"""Pixels a grid cell is wide: one merged patch of Qwen2.5-VL (14 pixels, merged 2x2)."""
NONE = "none"
"""What an attribute that a caption does not state is called."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object: each attribute a word of the world, ``"none"`` where a caption left it out."""

    size: str
    color: str
    shape: str
    place: str


ATTRIBUTES: tuple[str, ...] = tuple(field.name for field in fields(Item))
WORDS: dict[str, tuple[str, ...]] = {
    "size": SIZES,
    "color": tuple(COLORS),
    "shape": SHAPES,
    "place": PLACES,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Two or three items in reading order (left to right, top to bottom), one a place."""

    items: tuple[Item, ...]


def draw_scene(rng: random.Random, min_items: int = 2, max_items: int = 3) -> Scene:
    """A random scene with ``min_items``..``max_items`` items at different places."""
    places = sorted(rng.sample(range(len(PLACES)), rng.randint(min_items, max_items)))
    return Scene(tuple(replace(random_item(rng), place=PLACES[place]) for place in places))


def random_item(rng: random.Random) -> Item:
    return Item(
        rng.choice(SIZES), rng.choice(tuple(COLORS)), rng.choice(SHAPES), rng.choice(PLACES)
    )


# --- the scene in words -----------------------------------------------------------------------


def phrase(item: Item) -> str:
    return f"a {item.size} {item.color} {item.shape} at the {item.place}"


def caption(scene: Scene) -> str:
    """The reference caption, e.g. ``a large red circle at the top left and a small …``."""
    phrases = [phrase(item) for item in scene.items]
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1]))) + "."


def facts(scene: Scene) -> str:
    """The scene as a line of bare facts; what a reader notes before comparing."""
    return "; ".join(" ".join((i.size, i.color, i.shape, i.place)) for i in scene.items) + "."


def tell(scene: Scene, rng: random.Random) -> str:
    """The scene in words, in one of several layouts: the text twin of :func:`render`."""
    style = rng.randrange(3)
    if style == 0:
        rows = (f"{i.place}: {i.shape}, {i.color}, {i.size}" for i in scene.items)
        return "\n".join(rows)
    if style == 1:
        rows = (
            f"shape {i.shape}, size {i.size}, place {i.place}, color {i.color}" for i in scene.items
        )
        return "\n".join(rows)
    cells = {item.place: item for item in scene.items}
    rows = (
        f"{place}: "
        + (
            f"{cells[place].color} {cells[place].shape} {cells[place].size}"
            if place in cells
            else "empty"
        )
        for place in PLACES
    )
    return "\n".join(rows)


# --- the scene as a picture -------------------------------------------------------------------


def render(scene: Scene, rng: random.Random | None = None, scale: int = 1) -> Image.Image:
    """The scene as an RGB picture of ``84*scale`` pixels a side.

    ``rng`` moves each item by up to two pixels and shades its colour a little; without it the
    picture is exact.
    """
    over = 4 * scale
    picture = Image.new("RGB", (3 * CELL * over, 3 * CELL * over), (238, 238, 238))
    pen = ImageDraw.Draw(picture)
    for item in scene.items:
        row, column = divmod(PLACES.index(item.place), 3)
        dx, dy = (rng.uniform(-2, 2), rng.uniform(-2, 2)) if rng else (0.0, 0.0)
        shade = [
            max(0, min(255, value + (rng.randint(-12, 12) if rng else 0)))
            for value in COLORS[item.color]
        ]
        centre = ((column + 0.5) * CELL + dx, (row + 0.5) * CELL + dy)
        radius = 11.0 if item.size == "large" else 6.0
        color = (shade[0], shade[1], shade[2])
        _draw_shape(pen, item.shape, centre=centre, radius=radius, color=color, over=over)
    return picture.resize((3 * CELL * scale, 3 * CELL * scale), Image.Resampling.BOX)


def _draw_shape(
    pen: ImageDraw.ImageDraw,
    shape: str,
    *,
    centre: tuple[float, float],
    radius: float,
    color: tuple[int, int, int],
    over: int,
) -> None:
    x, y = centre
    if shape == "circle":
        box = [(x - radius) * over, (y - radius) * over, (x + radius) * over, (y + radius) * over]
        pen.ellipse(box, fill=color)
        return
    if shape == "cross":
        arm = radius * 0.34
        for half_width, half_height in ((radius, arm), (arm, radius)):
            pen.rectangle(
                [
                    (x - half_width) * over,
                    (y - half_height) * over,
                    (x + half_width) * over,
                    (y + half_height) * over,
                ],
                fill=color,
            )
        return
    corners = {
        "square": (4, 45, 1.0),
        "triangle": (3, -90, 1.0),
        "diamond": (4, 0, 1.0),
        "star": (10, -90, 0.42),
    }
    count, start, inner = corners[shape]
    points = []
    for k in range(count):
        reach = (
            radius
            * (1.15 if shape == "square" else 1.0)
            * (inner if k % 2 and shape == "star" else 1.0)
        )
        angle = math.radians(start + 360 * k / count)
        points.append(((x + reach * math.cos(angle)) * over, (y + reach * math.sin(angle)) * over))
    pen.polygon(points, fill=color)
