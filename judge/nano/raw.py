"""Raw pairs of the synthetic world in JudgeLM's columns: what the nano judges are curated from.

The columns are those of JudgeLM-100K (arXiv 2310.17631), with ``answer1_molecule`` and
``answer2_molecule`` where molecules are judged, and a ``rubric``. The scores are exact.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from judge.nano.judging import JudgingSample, Kind, judging_sample

MOLECULE_SHARE = 0.4
"""Share of the pairs that are molecules for a wish; the others are captions of scenes in words."""
_KINDS: tuple[Kind, ...] = ("text pair", "molecule pair")


def write_raw_pairs(path: Path, count: int, seed: int) -> None:
    """Writes ``count`` pairs as JSON lines; the file is there whole or not at all."""
    rng = random.Random(f"raw pairs/{seed}")
    weights = (1 - MOLECULE_SHARE, MOLECULE_SHARE)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        for number in tqdm(range(count), desc="raw pairs", unit="pair"):
            (kind,) = rng.choices(_KINDS, weights)
            file.write(json.dumps(_raw_pair(number, judging_sample(rng, kind))) + "\n")
    part.replace(path)


def _raw_pair(number: int, sample: JudgingSample) -> dict[str, Any]:
    request = sample.request
    (question,) = request.question
    row: dict[str, Any] = {"question_id": number, "question_body": question}
    for place, candidate in enumerate(request.candidates, start=1):
        if candidate.molecule is None:
            row[f"answer{place}_body"] = candidate.text
        else:
            row[f"answer{place}_molecule"] = candidate.molecule
    return {**row, "score": list(sample.scores), "rubric": request.rubric.name}
