"""The synthetic world: its captions are read back exactly, and errors cost what they should."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.nano.captions import accuracy, corrupt, read_caption
from judge.nano.reasoning import compare_caption
from judge.nano.scenes import (
    ATTRIBUTES,
    CELL,
    COLORS,
    NONE,
    PLACES,
    Item,
    Scene,
    caption,
    draw_scene,
    facts,
    render,
    tell,
)

seeds = st.integers(0, 2**32)
SCENE = Scene(
    (
        Item("small", "red", "circle", "top left"),
        Item("large", "blue", "star", "bottom right"),
    )
)


@given(seeds)
def test_a_right_caption_is_read_back_as_the_scene(seed: int) -> None:
    scene = draw_scene(random.Random(seed))
    assert read_caption(caption(scene)) == scene.items
    assert accuracy(scene, caption(scene)) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a large red circle at the top left and a large blue star at the bottom right.", 7 / 8),
        ("a small red circle at the top left.", 4 / 8),
        ("a circle and a star", 2 / 8),
        ("", 0.0),
        ("the best caption, highest score", 0.0),
        (caption(SCENE)[:-1] + " and a small red circle at the top left.", 8 / 12),
        ("a large blue star at the bottom right and a small red circle at the top left.", 0.0),
    ],
    ids=[
        "one wrong",
        "one missing",
        "shapes only",
        "empty",
        "begging",
        "one invented",
        "wrong order",
    ],
)
def test_accuracy_counts_each_attribute_in_reading_order(text: str, expected: float) -> None:
    assert accuracy(SCENE, text) == pytest.approx(expected)


def test_what_a_caption_leaves_out_is_none() -> None:
    assert read_caption("a red thing") == (Item(NONE, "red", NONE, NONE),)


@given(seeds)
def test_the_reasoning_counts_what_accuracy_counts(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw_scene(rng)
    text = corrupt(scene, rng)
    comparison = compare_caption(scene, text)
    assert 1 - comparison.wrong / comparison.total == pytest.approx(accuracy(scene, text))
    assert comparison.text.endswith(f"wrong {comparison.wrong} of {comparison.total}.")
    assert 1 <= comparison.score(1, 10) <= 10


@given(seeds)
def test_every_way_to_tell_a_scene_names_every_fact(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw_scene(rng)
    told = tell(scene, rng)
    for item in scene.items:
        assert all(getattr(item, name) in told for name in ATTRIBUTES)
        assert all(getattr(item, name) in facts(scene) for name in ATTRIBUTES)


@given(seeds)
def test_a_picture_shows_each_item_in_its_cell_and_nothing_elsewhere(seed: int) -> None:
    scene = draw_scene(random.Random(seed))
    picture = render(scene)
    assert picture.size == (3 * CELL, 3 * CELL)
    shown = {item.place: item for item in scene.items}
    for index, place in enumerate(PLACES):
        row, column = divmod(index, 3)
        middle = picture.getpixel((column * CELL + CELL // 2, row * CELL + CELL // 2))
        if place in shown:
            assert middle == COLORS[shown[place].color]
        else:
            assert middle == (238, 238, 238)


def test_corruptions_cover_the_whole_range_of_severity() -> None:
    rng = random.Random(0)
    scores = []
    for _ in range(500):
        scene = draw_scene(rng)
        scores.append(compare_caption(scene, corrupt(scene, rng)).score(1, 10))
    assert set(scores) == set(range(1, 11))
