"""What a label sets in a sample's row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reward.adapters.labels import label_columns

OBJECT = {"question": "What?", "images": ["a.png"], "reference": "A cat.", "split": "train"}
COLUMNS = {"prompt": "What?", "images": ["a.png"], "reference": "A cat."}


@pytest.mark.parametrize(
    ("label", "columns"),
    [
        (None, {}),
        ("", {}),
        ("A cat.", {"reference": "A cat."}),
        (42, {"reference": "42"}),
        (OBJECT, COLUMNS),
        (json.dumps(OBJECT), COLUMNS),
        ({"image": "a.png", "reference": None}, {"image": "a.png"}),
        ('{"x": 1}', {"reference": '{"x": 1}'}),
        ("{a, b} is the set", {"reference": "{a, b} is the set"}),
        ("[1, 2]", {"reference": "[1, 2]"}),
        ({"x": 1}, {"reference": "{'x': 1}"}),
    ],
)
def test_label_columns(label: Any, columns: dict[str, Any]) -> None:
    assert label_columns(label) == columns


def test_a_text_nested_without_end_is_a_reference() -> None:
    label = '{"image":' * 100_000
    assert label_columns(label) == {"reference": label}
