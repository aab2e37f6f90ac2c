"""The captioning recipe's own parts, without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from PIL import Image

from judge.errors import RequestError
from judge.nano.scenes import caption
from rl_recipes.captioning.data import (
    held_out,
    load_held_out,
    load_training,
    scene_facts,
    training_pictures,
)
from rl_recipes.captioning.demo import table
from rl_recipes.captioning.evaluate import Captioned, true_accuracy
from rl_recipes.captioning.options import CaptioningOptions
from rl_recipes.captioning.report import write_page


def test_held_out_pictures_are_not_training_pictures() -> None:
    train = {image.tobytes() for image in training_pictures(300, seed=0)["image"]}
    assert not train & {row.picture.tobytes() for row in held_out(100)}


def test_training_rows_hold_nothing_of_the_truth_unless_asked() -> None:
    assert training_pictures(4, seed=0).column_names == ["prompt", "image"]
    rows = training_pictures(4, seed=0, with_facts=True)
    assert all(len(facts) in {6, 9} for facts in rows["facts"])
    assert rows["image"][0].tobytes() == training_pictures(4, seed=0)["image"][0].tobytes()


def test_true_accuracy_is_one_for_the_truth_and_less_for_another_scenes_caption() -> None:
    rows = held_out(50)
    right = [row.references[0] for row in rows]
    assert true_accuracy(rows, right) == 1.0
    other = true_accuracy(rows, right[1:] + right[:1])
    assert other is not None
    assert other < 0.6


def test_facts_are_phrases_of_the_reference() -> None:
    for row in held_out(20):
        assert row.scene is not None
        assert all(fact in caption(row.scene) for fact in scene_facts(row.scene))


def test_the_page_shows_text_as_text_and_unjudged_as_unjudged(tmp_path: Path) -> None:
    rows = held_out(2)
    captioned = [
        Captioned("<script>alert(1)</script>", None, "truncated", "cut"),
        Captioned("a red circle", 0.5, None, "wrong 2 of 8."),
    ]
    write_page(rows, captioned, captioned, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "unjudged (truncated)" in page
    assert rows[0].references[0] in page


def test_the_table_shows_a_missing_reward_as_missing() -> None:
    names = ("true_accuracy", "reward", "length_ratio")
    summary = {f"{name}_{when}": 0.5 for name in names for when in ("before", "after")}
    others = {"unjudged_rate": 1.0, "seconds": 3, "judge": "x", "seed": 0}
    shown = table({**summary, "reward_after": None, **others})
    assert "0.500        –" in shown
    assert "unjudged 100.00%" in shown


def picture_file(path: Path, color: str) -> str:
    Image.new("RGB", (8, 8), color).save(path)
    return path.name


def test_rows_of_ones_own_from_jsonl(tmp_path: Path) -> None:
    names = [picture_file(tmp_path / f"{color}.png", color) for color in ("red", "blue")]
    rows = [
        {"image": names[0], "reference": "a red square.", "facts": ["red square"]},
        {"image": names[1], "prompt": "What is this?", "reference": None, "facts": []},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = CaptioningOptions(instruction="Describe it.", claims_weight=1.0)
    train = load_training(str(path), options, 0)
    assert set(train.column_names) == {"prompt", "image", "facts"}
    assert train[0]["image"].getpixel((0, 0)) == (255, 0, 0)
    assert train[0]["prompt"] == [{"role": "user", "content": "Describe it."}]
    assert train[1]["prompt"] == [{"role": "user", "content": "What is this?"}]
    first, second = load_held_out(str(path), options, 0)
    assert (first.references, first.facts) == (("a red square.",), ("red square",))
    assert (second.references, second.facts, second.scene) == ((), (), None)


@pytest.mark.parametrize("references", [["a", "b", "c"], [["a", "x"], ["b"], []]])
def test_the_reference_is_shown_only_where_asked(references: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pictures = [Image.new("RGB", (8, 8), "red")] * 3
    Dataset.from_dict({"photo": pictures, "reference": references}).to_parquet(str(path))
    options = CaptioningOptions(image_column="photo")
    assert set(load_training(str(path), options, 2).column_names) == {"prompt", "image"}
    shown = load_training(
        str(path), CaptioningOptions(image_column="photo", show_reference=True), 2
    )
    assert shown["reference"][:] == ["a", "b"]


def test_a_saved_dataset_and_a_folder_of_pictures(tmp_path: Path) -> None:
    Dataset.from_dict({"image": [Image.new("RGB", (8, 8))]}).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "pictures").mkdir()
    picture_file(tmp_path / "pictures" / "one.png", "green")
    for name in ("saved", "pictures"):
        (row,) = load_held_out(str(tmp_path / name), CaptioningOptions(), 0)
        assert row.picture.size == (8, 8)


def test_what_is_wrong_with_rows_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"picture": "x.png"}\n')
    with pytest.raises(RequestError, match="no column 'image' with a picture; it has picture"):
        load_training(str(path), CaptioningOptions(), 0)
    with pytest.raises(RequestError, match="rows cannot be read from"):
        load_training(str(tmp_path / "none.jsonl"), CaptioningOptions(), 0)
    pictures = tmp_path / "pictures.parquet"
    Dataset.from_dict({"image": [Image.new("RGB", (8, 8))]}).to_parquet(str(pictures))
    with pytest.raises(RequestError, match="no column 'reference'; it has image"):
        load_training(str(pictures), CaptioningOptions(show_reference=True), 0)
