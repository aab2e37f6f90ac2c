"""Curated rows of the synthetic world, with their exact scores."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from judge.folder import builtin_profile
from judge.nano.judging import Kind, judging_sample
from judge.sft.samples import JudgingRow, make_row, write_rows
from judge.types import Image


def curated_row(kind: Kind, number: int, profile: str) -> JudgingRow:
    """The same row for the same arguments."""
    sample = judging_sample(random.Random(f"{kind}/{number}"), kind)
    asked = sample.request
    request: dict[str, Any] = {
        "prompt": "".join(part for part in asked.question if isinstance(part, str)),
        "images": [_data_uri(part) for part in asked.question if isinstance(part, Image)] or None,
        "completions": [each.text for each in asked.candidates if each.molecule is None] or None,
        "molecules": [each.molecule for each in asked.candidates if each.molecule] or None,
    }
    is_pair = len(asked.candidates) == 2
    return make_row(
        id=f"{kind}-{number}",
        kind="pair" if is_pair else "single",
        protocol="pairwise" if is_pair else "pointwise",
        rubric=asked.rubric.name,
        scale=asked.rubric.scale,
        request={name: value for name, value in request.items() if value is not None},
        reasoning=sample.reasoning,
        scores=sample.scores,
        profile=builtin_profile(profile),
    )


def curated_rows(kind: Kind, count: int, profile: str = "default") -> list[JudgingRow]:
    return [curated_row(kind, number, profile) for number in range(count)]


def curated_file(path: Path, rows: Sequence[JudgingRow]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, rows)
    return path


def _data_uri(picture: Image) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.data).decode()}"
