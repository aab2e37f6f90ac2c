"""The rows of the settings differ in what the setting says, and in nothing else."""

from __future__ import annotations

import pytest

from judge.errors import RequestError
from judge.nano.evaluate import held_out_samples
from judge.sft.ablate.rows import draw_rows
from judge.sft.ablate.settings import (
    BASELINE,
    LARGEST,
    QUESTIONS,
    SETTINGS,
    Setting,
    settings_of,
)
from judge.sft.samples import JudgingRow
from judge.types import Image
from tests.judge.sft.ablate.pool import make_pool

COUNT = 20
POOL = make_pool(singles=int(LARGEST * COUNT), hard=4)
BY_NAME = {setting.name: setting for setting in settings_of(QUESTIONS)}


def rows_of(name: str, seed: int = 0) -> list[JudgingRow]:
    return draw_rows(BY_NAME[name], COUNT, POOL, seed)


def test_a_larger_set_holds_the_smaller_one() -> None:
    smaller: list[JudgingRow] = []
    for setting, factor in zip(SETTINGS["size"], (0.25, 0.5, 1, 2, 4), strict=True):
        rows = draw_rows(setting, COUNT, POOL, seed=0)
        assert len(rows) == factor * COUNT
        assert rows[: len(smaller)] == smaller
        smaller = rows


def test_answer_first_has_the_same_samples_without_reasoning() -> None:
    reasoned, answered = rows_of("baseline"), rows_of("answer-first")
    assert [(row.id, row.request, row.scores) for row in answered] == [
        (row.id, row.request, row.scores) for row in reasoned
    ]
    for before, after in zip(reasoned, answered, strict=True):
        assert before.reply.startswith("<think>\nscene: ")
        assert after.reply == f"<answer>{after.scores[0]:g}</answer>"
        assert before.prompt != after.prompt


def test_half_of_the_rows_show_a_picture_in_the_prompt_that_the_judge_will_see() -> None:
    rows = rows_of("pictures")
    assert len(rows) == COUNT
    assert rows[: COUNT // 2] == rows_of("baseline")[: COUNT // 2]
    for row in rows[COUNT // 2 :]:
        row.check()
        picture, text = row.judge_request().question
        assert isinstance(picture, Image)
        assert text == row.request["prompt"]
        system, user = row.prompt
        assert isinstance(system["content"], str)
        assert [part["type"] for part in user["content"]].count("image") == 1


def test_pictures_of_training_are_not_those_of_evaluation() -> None:
    shown = {row.judge_request().question[0] for row in rows_of("pictures")[COUNT // 2 :]}
    held_out = {sample.request.question[0] for sample in held_out_samples("image", 300, 0)}
    assert len(shown) == COUNT // 2
    assert not shown & held_out


def test_a_tenth_of_the_rows_are_hard_negatives() -> None:
    rows = rows_of("hard-negatives")
    assert len(rows) == COUNT
    assert [row.kind for row in rows].count("hard") == 2
    assert rows[:-2] == rows_of("baseline")[:-2]


def test_every_other_setting_has_none() -> None:
    for name in BY_NAME.keys() - {"hard-negatives"}:
        assert {row.kind for row in rows_of(name)} == {"single"}, name


def test_a_seed_draws_rows_of_its_own_and_the_same_ones_again() -> None:
    assert rows_of("pictures", seed=1) == rows_of("pictures", seed=1)
    for name in ("size-0.25", "pictures"):
        assert rows_of(name, seed=0) != rows_of(name, seed=1)


def test_a_pool_that_is_too_small_is_refused() -> None:
    with pytest.raises(RequestError, match=r"takes 100 rows of kind 'single', and 80 were curated"):
        draw_rows(Setting("size-5", "", size=5), COUNT, POOL, seed=0)


def test_questions_share_the_baseline() -> None:
    assert all(BASELINE in settings for settings in SETTINGS.values())
    assert len(settings_of(QUESTIONS)) == sum(map(len, SETTINGS.values())) - len(SETTINGS) + 1
    assert settings_of(("hardening",)) == SETTINGS["hardening"]
