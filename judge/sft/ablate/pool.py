"""The curated rows that all runs of an ablation draw from."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

from judge.judge import Judge
from judge.nano.raw import write_raw_pairs
from judge.sft.ablate.settings import BASELINE, HARDEST, LARGEST, AblationPlan
from judge.sft.curate.curate import curate
from judge.sft.curate.plan import CuratePlan
from judge.sft.samples import TRAIN, JudgingRow, read_rows

_RAW = "raw.jsonl"
_SPARE = 1.25
"""Raw pairs for each row that is wanted: the teacher is careless, and some pairs are doubles."""


def curated_pool(plan: AblationPlan, folder: Path) -> list[JudgingRow]:
    """Single rows for the largest setting, and hard negatives: what ``flex-judge curate`` makes of
    raw pairs with the nano family's teacher.

    Made once; a run that was stopped is gone on with.
    """
    if not (folder / TRAIN).is_file():
        raw = folder / _RAW
        rows = math.ceil(LARGEST * plan.rows)
        if not raw.is_file():
            write_raw_pairs(raw, math.ceil(_SPARE * rows), seed=0)
        asyncio.run(
            curate(
                Judge.from_folder(
                    "nano-teacher", engine="nano-teacher", decoding={"temperature": 0.1}
                ),
                CuratePlan(
                    source=str(raw),
                    profile=BASELINE.profile,
                    singles=rows,
                    single_min_tokens=0,
                    pairs=0,
                    diversity=False,
                    halve_share=0.0,
                    validation_share=0.0,
                    hard_negatives=HARDEST,
                ),
                folder,
                resume=True,
            )
        )
    return list(read_rows(folder / TRAIN))
