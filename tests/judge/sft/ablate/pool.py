"""A pool of curated rows, made without a teacher."""

from __future__ import annotations

import random

from judge.folder import builtin_profile
from judge.nano.judging import judging_sample
from judge.sft.samples import JudgingRow, Kind, make_row


def make_pool(singles: int, hard: int) -> list[JudgingRow]:
    rng = random.Random("pool")
    kinds: list[Kind] = ["single"] * singles + ["hard"] * hard
    return [_row(f"{kind}-{number}", kind, rng) for number, kind in enumerate(kinds)]


def _row(id: str, kind: Kind, rng: random.Random) -> JudgingRow:
    sample = judging_sample(rng, "text")
    return make_row(
        id=id,
        kind=kind,
        protocol="pointwise",
        rubric="captioning",
        scale=(1, 10),
        request={
            "prompt": sample.request.question[0],
            "completions": [sample.request.candidates[0].text],
        },
        reasoning=sample.reasoning,
        scores=tuple(map(float, sample.scores)),
        profile=builtin_profile("nano-judge"),
    )
