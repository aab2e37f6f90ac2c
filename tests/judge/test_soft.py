"""Soft scores: expectations over what an answer tag may hold, tokens of any shape."""

from __future__ import annotations

import math
from functools import partial

import pytest

from judge import Candidate, JudgeRequest
from judge.folder import builtin_profile
from judge.protocols import Choice, Pointwise
from judge.rubrics import load_rubric
from judge.soft import MAX_EXPANSIONS, distribution
from judge.types import NextToken

PROMPTS = builtin_profile("default").protocols["pointwise"]
REQUEST = JudgeRequest(("q",), (Candidate("c"),), load_rubric("captioning"))
PROTOCOL = Pointwise(PROMPTS)

Tree = dict[str, dict[str, float]]
"""From what stands in the tag so far to the probabilities of the tokens behind it."""


async def walk(tree: Tree, protocol: Pointwise | Choice = PROTOCOL) -> dict[str, float]:
    asked: list[str] = []

    async def next_tokens(text: str) -> tuple[NextToken, ...]:
        asked.append(text)
        return tuple(NextToken(t, math.log(p)) for t, p in tree.get(text, {"<": 1.0}).items())

    found = await distribution(
        next_tokens,
        is_answer=partial(protocol.is_answer, request=REQUEST),
        starts_answer=partial(protocol.starts_answer, request=REQUEST),
    )
    assert len(asked) == len(set(asked)), "a branch was asked twice"
    return found


async def test_single_tokens() -> None:
    found = await walk({"": {"7": 0.6, "8": 0.3, "x": 0.1}})
    assert found == pytest.approx({"7": 0.6, "8": 0.3})
    (soft,) = PROTOCOL.soften((found,), REQUEST) or ()
    assert soft.value == pytest.approx((7 * 0.6 + 8 * 0.3) / 0.9)
    assert soft.outside == pytest.approx(0.1)


async def test_ten_is_two_tokens_and_begins_like_one() -> None:
    found = await walk({"": {"1": 0.8, "9": 0.2}, "1": {"0": 0.75, "</": 0.25}})
    assert found == pytest.approx({"10": 0.6, "1": 0.2, "9": 0.2})
    (soft,) = PROTOCOL.soften((found,), REQUEST) or ()
    assert soft.value == pytest.approx(6 + 0.2 + 1.8)


async def test_ten_may_be_one_token_and_close_in_the_same_one() -> None:
    found = await walk({"": {"10": 0.5, "1</": 0.3, " 10": 0.2}})
    assert found == pytest.approx({"10": 0.7, "1": 0.3})


async def test_decimals_are_followed() -> None:
    found = await walk({"": {"7": 1.0}, "7": {"<": 0.5, ".": 0.5}, "7.": {"5": 0.9, "<": 0.1}})
    assert found == pytest.approx({"7": 0.5, "7.5": 0.45}), '"7." is no number'


async def test_numbers_outside_the_scale_count_as_outside() -> None:
    found = await walk({"": {"0": 0.5, "12": 0.2, "1": 0.3}, "1": {"<": 0.5, "1": 0.5}})
    assert found == pytest.approx({"1": 0.15})
    (soft,) = PROTOCOL.soften((found,), REQUEST) or ()
    assert soft.value == 1.0
    assert soft.outside == pytest.approx(0.85)


async def test_what_is_too_unlikely_is_not_followed() -> None:
    found = await walk({"": {"7": 0.9999, "1": 0.0001}})
    assert found == pytest.approx({"7": 0.9999})


async def test_an_endless_number_ends() -> None:
    tree: Tree = {"": {"7": 1.0}, "7": {".": 1.0}}
    tree |= {"7." + "0" * n: {"0": 1.0} for n in range(2 * MAX_EXPANSIONS)}
    assert await walk(tree) == {}


async def test_the_end_of_the_reply_is_no_answer() -> None:
    assert await walk({"": {"": 0.4, "7": 0.6}}) == pytest.approx({"7": 0.6})


async def test_no_probability_on_the_scale_is_no_soft_score() -> None:
    assert PROTOCOL.soften(({},), REQUEST) is None


async def test_options_of_a_choice() -> None:
    choice = Choice(builtin_profile("default").protocols["choice"])
    tree = {
        "": {"[[": 0.9, "A": 0.1},
        "[[": {"A": 0.75, "B": 0.25},
        "[[A": {">B": 0.8, "=B": 0.2},
        "[[A>B": {"]]": 1.0},
        "[[A=B": {"]]": 1.0},
        "[[B": {">A]]": 1.0},
    }
    found = await walk(tree, choice)
    assert found == pytest.approx({"[[A>B]]": 0.54, "[[A=B]]": 0.135, "[[B>A]]": 0.225})
    first, second = choice.soften((found,), REQUEST) or ()
    assert first.value == pytest.approx((0.54 + 0.135 / 2) / 0.9)
    assert first.value + second.value == pytest.approx(1.0)
    assert first.outside == pytest.approx(0.1)
