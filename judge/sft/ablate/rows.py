"""The training rows of a setting, drawn from one pool of curated rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from judge.errors import RequestError
from judge.folder import builtin_profile
from judge.media import data_uri
from judge.nano.judging import judging_sample
from judge.profile import JudgeProfile
from judge.protocols.reply import Reply, read_reply
from judge.sft.ablate.settings import Setting
from judge.sft.samples import JudgingRow, make_row, render_row
from judge.types import Image


def draw_rows(
    setting: Setting, count: int, pool: Sequence[JudgingRow], seed: int
) -> list[JudgingRow]:
    """Training rows of a setting.

    Settings of one seed share their rows as far as they can: a larger set holds the smaller one,
    and rows that are replaced are the last ones.

    Args:
        setting: what the rows are like.
        count: rows of size 1×.
        pool: curated single rows and hard negatives, written for nano-judge.
        seed: which of the pool's rows.

    Raises:
        RequestError: the pool has too few rows of a kind.
    """
    total = round(setting.size * count)
    pictures = round(setting.picture_share * total)
    hard = round(setting.hard_share * total)
    profile = builtin_profile(setting.profile)
    drawn = _draw(pool, "single", total - pictures - hard, seed) + _draw(pool, "hard", hard, seed)
    rows = [_in_prompts_of(profile, row) for row in drawn]
    return rows + picture_rows(pictures, profile, seed)


def picture_rows(count: int, profile: JudgeProfile, seed: int) -> list[JudgingRow]:
    """Captions of pictures with their right scores, from a stream that evaluation does not draw
    from. The pictures stand in the rows, as data URIs.
    """
    rng = random.Random(f"ablation/pictures/{seed}")
    return [_picture_row(f"picture-{seed}-{number}", profile, rng) for number in range(count)]


def _draw(pool: Sequence[JudgingRow], kind: str, count: int, seed: int) -> list[JudgingRow]:
    rows = [row for row in pool if row.kind == kind]
    if len(rows) < count:
        raise RequestError(
            f"this setting takes {count} rows of kind {kind!r}, and {len(rows)} were curated; "
            "use fewer --rows"
        )
    random.Random(f"ablation/{kind}/{seed}").shuffle(rows)
    return rows[:count]


def _in_prompts_of(profile: JudgeProfile, row: JudgingRow) -> JudgingRow:
    reply = read_reply(row.reply, "stop", len(row.scores))
    assert isinstance(reply, Reply)  # curated rows are checked when they are made
    prompt, completion = render_row(row.judge_request(), reply.reasoning, row.scores, profile)
    return replace(row, prompt=prompt, completion=completion)


def _picture_row(id: str, profile: JudgeProfile, rng: random.Random) -> JudgingRow:
    sample = judging_sample(rng, "image")
    picture, text = sample.request.question
    assert isinstance(picture, Image)  # so are samples of this kind made
    rubric = sample.request.rubric
    return make_row(
        id=id,
        kind="single",
        protocol="pointwise",
        rubric=rubric.name,
        scale=rubric.scale,
        request={
            "prompt": text,
            "images": [data_uri(picture)],
            "completions": [sample.request.candidates[0].text],
        },
        reasoning=sample.reasoning,
        scores=tuple(map(float, sample.scores)),
        profile=profile,
    )
