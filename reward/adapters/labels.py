"""What a framework's one free column can tell the judge.

Several frameworks pass nothing of a dataset row to a reward but its label (``label``, ``answer``,
``ground_truth``). That is the reference answer, or else an object, given as such or as JSON text:

    {"question": "What is shown?", "images": ["photos/1.png"], "reference": "A cat."}

``question`` is what the judge is shown in place of the prompt, which often holds a chat template's
marks; ``image`` or ``images`` are pictures, ``reference`` a known good answer. Other keys are left
alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_COLUMNS = {
    "question": "prompt",
    "reference": "reference",
    "image": "image",
    "images": "images",
}


def label_columns(label: Any) -> dict[str, Any]:
    """The columns that a label sets in a sample's row; see :func:`judge.request_from_row`.

    A text that is no object with one of the keys is the reference, as is a number; None and empty
    texts set nothing.
    """
    fields = label if isinstance(label, Mapping) else _parsed(label)
    if fields is not None:
        known = {column: fields[key] for key, column in _COLUMNS.items() if key in fields}
        if known:
            return {name: value for name, value in known.items() if value is not None}
    return {} if label is None or label == "" else {"reference": str(label)}


def _parsed(label: Any) -> Mapping[str, Any] | None:
    if not isinstance(label, str) or not label.lstrip().startswith("{"):
        return None
    try:
        fields = json.loads(label)
    except (RecursionError, ValueError):  # a reference that only looks like an object
        return None
    return fields if isinstance(fields, dict) else None
