"""The pure steps: lengths, choice, halved scales, hard negatives, and their counts."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import RequestError
from judge.attacks.corpus import load_corpus
from judge.sft.curate.choose import choose, reasoning_format, signature
from judge.sft.curate.funnel import Funnel, Stage
from judge.sft.curate.halve import half, halve_some, states_score, why_not
from judge.sft.curate.hard import _texts, hard_negatives
from judge.sft.curate.keep import Sample
from judge.sft.curate.lengths import estimate_tokens, token_counter
from judge.sft.curate.source import RawPair

PAIR = RawPair("1", "What is it about?", ("This.", "That."), False, (7.0, 3.0), "helpfulness", None)


def sample(number: int = 1, **values: Any) -> Sample:
    fields: dict[str, Any] = {
        "pair": replace(PAIR, id=str(number)),
        "places": (0,),
        "reasoning": "It is right.",
        "scores": (7.0,),
        "scale": (1, 10),
        "tokens": number,
    }
    return Sample(**{**fields, **values})


def test_tokens_are_estimated_by_words() -> None:
    assert estimate_tokens("three words here") == 4
    assert estimate_tokens("") == 0


def test_a_tokenizer_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(RequestError, match="no tokenizer '/no/such/folder'"):
        token_counter("/no/such/folder")


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("Fine.\n\nGood.", "paragraphs"),
        ("- one\nis no list", "paragraphs"),
        ("- one\n- two", "list"),
        ("1. one\n2) two", "list"),
        ("# Title\n- one\n- two", "headings"),
        ("**Title**\nText", "headings"),
        ("**Bold** in a text", "paragraphs"),
        ("[Section]\nText", "headings"),
    ],
)
def test_formats(reasoning: str, expected: str) -> None:
    assert reasoning_format(reasoning) == expected


def test_a_signature_tells_how_high_or_which_is_better() -> None:
    assert [signature(sample(scores=(s,)))[1] for s in (1.0, 4.0, 6.0, 7.0, 10.0)] == [
        *("low", "middle", "middle", "high", "high")
    ]
    pairs = [(2.0, 1.0), (1.0, 2.0), (2.0, 2.0)]
    assert [signature(sample(places=(0, 1), scores=each))[1] for each in pairs] == [
        *("first", "second", "tie")
    ]


def test_the_first_that_are_long_enough_are_taken() -> None:
    stage = Stage("choose")
    taken = choose([sample(n) for n in (5, 9, 2, 7)], 2, 5, stage, diverse=False)
    assert [each.tokens for each in taken] == [5, 9]
    assert stage.dropped == {"reasoning too short": 1, "not needed": 1}
    assert stage.left == 2
    assert choose([sample(9)], 0, 0, Stage("choose"), diverse=True) == []


def test_no_format_takes_the_places_of_others() -> None:
    plain = [sample(n) for n in range(1, 9)]
    listed = [sample(n, reasoning="- a\n- b") for n in (20, 21)]
    low = [sample(30, scores=(1.0,))]
    taken = choose(plain + listed + low, 5, 0, Stage("choose"), diverse=True)
    assert [each.tokens for each in taken] == [1, 20, 30, 2, 21]
    taken = choose(plain + listed + low, 5, 0, Stage("choose"), diverse=False)
    assert [each.tokens for each in taken] == [1, 2, 3, 4, 5]


@given(st.lists(st.integers(0, 50)), st.integers(0, 60), st.integers(0, 50), st.booleans())
def test_a_choice_is_as_large_as_it_can_be(
    tokens: list[int], count: int, least: int, diverse: bool
) -> None:
    stage = Stage("choose")
    taken = choose([sample(n) for n in tokens], count, least, stage, diverse=diverse)
    assert len(taken) == stage.left == min(count, sum(n >= least for n in tokens))


@pytest.mark.parametrize(
    "reasoning",
    [
        "That makes 8/10.",
        "8 out of 10 points are right.",
        "I score it with a seven.",
        "The rating should be high, about 7.",
        "It deserves an 8.",
        "So I give it 7, no more.",
        "It loses 2 points.",
        "On the scale from 1 to 10 it is high.",
        "The final score: 7",
    ],
)
def test_reasoning_that_states_a_score_is_told(reasoning: str) -> None:
    assert states_score(reasoning, (1, 10))


@pytest.mark.parametrize(
    "reasoning",
    [
        "It gives three reasons.",
        "There are 7 continents.",
        "Half of it, 3/4 of the cake.",
        "wrong 2 of 8.",
        "It is rather one of the best.",
        "Steps 2 to 4 are right.",
    ],
)
def test_other_numbers_are_no_scores(reasoning: str) -> None:
    assert not states_score(reasoning, (1, 10))


@given(st.integers(1, 10))
def test_half_a_score_is_on_half_the_scale_and_keeps_the_order(score: int) -> None:
    assert half(1) <= half(score) <= half(10) == 5
    assert half(score) <= half(score + 1)


def test_a_random_part_of_the_rows_is_halved() -> None:
    stage = Stage("halve")
    rows = halve_some([sample(n) for n in range(10)], 0.5, random.Random(1), stage)
    halved = [row for row in rows if row.scale == (1, 5)]
    assert len(halved) == 5
    assert {row.scores for row in halved} == {(4.0,)}
    assert [row.tokens for row in rows] == list(range(10)), "in their order"
    assert stage.noted == {"halved": 5}
    assert stage.left == 10


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"reasoning": "A score of 7."}, "the reasoning states a score"),
        ({"scores": (7.0, 8.0), "places": (0, 1)}, "the scores would become equal"),
        ({"scale": (0, 1), "scores": (1.0,)}, "the scale is too small"),
        ({"scale": (0.5, 9), "scores": (1.0,)}, "the scale is too small"),
        ({"scores": (7.0, 7.0), "places": (0, 1)}, ""),
    ],
)
def test_what_keeps_its_scale_and_why(values: dict[str, Any], why: str) -> None:
    assert why_not(sample(**values)) == why
    stage = Stage("halve")
    (row,) = halve_some([sample(**values)], 1.0, random.Random(1), stage)
    assert (row.scale == (1, 5)) == (not why)
    if why:
        assert stage.noted == {f"not halved: {why}": 1, "halved": 0}


def questions(count: int) -> list[Sample]:
    return [
        sample(n, pair=replace(PAIR, id=str(n), question=f"topic{n} and thing{n}, and word{n}?"))
        for n in range(count)
    ]


def test_hard_negatives_get_the_lowest_score_of_their_rows_scale() -> None:
    stage = Stage("hard negatives")
    rows = [replace(row, scale=(1, 5)) for row in questions(40)]
    made = hard_negatives(rows, 0.5, random.Random(1), stage)
    assert len(made) == stage.added == 20
    assert {negative.score for negative in made} == {1}
    faults = [negative.fault for negative in made]
    assert {fault: faults.count(fault) for fault in faults} == {
        "opener": 5, "empty": 5, "begging": 5, "off_topic": 5,
    }  # fmt: skip
    assert len({negative.pair.id for negative in made}) == 20
    for negative in made:
        assert negative.request["completions"] == [negative.answer]
        assert negative.request["prompt"] == negative.pair.question
        assert negative.reasoning.endswith((".", ":"))


def test_there_is_no_answer_off_the_topic_among_questions_of_the_same_words() -> None:
    stage = Stage("hard negatives")
    made = hard_negatives([sample(n) for n in range(8)], 1.0, random.Random(1), stage)
    assert len(made) == 8
    assert "off_topic" not in {negative.fault for negative in made}
    assert stage.noted["no answer off the topic: another fault"] == 2


def test_molecules_are_passed_over() -> None:
    stage = Stage("hard negatives")
    molecule = replace(PAIR, are_molecules=True, rubric="molecule")
    made = hard_negatives([sample(pair=molecule), *questions(1)], 1.0, random.Random(1), stage)
    assert len(made) == 1
    assert stage.noted["passed over: molecules"] == 1


def test_no_attack_that_is_measured_is_trained_on() -> None:
    attacks = {attack.text.strip() for attack in load_corpus()}
    trained = {text.strip() for each in _texts().values() for text in each.get("texts", ())}
    words = {text for text in attacks & trained if any(mark.isalnum() for mark in text)}
    assert not words


def test_a_funnel_counts_and_shows_a_table() -> None:
    funnel = Funnel()
    stage = funnel.stage("read", 10)
    for number in range(5):
        stage.drop("bad", f"row {number}")
    stage.noted["seen"] += 2
    funnel.stage("make").added = 3
    assert funnel.to_json()[0] == {
        "stage": "read", "in": 10, "dropped": {"bad": 5}, "added": 0, "out": 5,
        "noted": {"seen": 2}, "examples": {"bad": ["row 0", "row 1", "row 2"]},
    }  # fmt: skip
    assert funnel.table().splitlines() == [
        "| step | in | out | what happened  |",
        "|------|---:|----:|----------------|",
        "| read | 10 |   5 | −5 bad, 2 seen |",
        "| make |  0 |   3 | +3 added       |",
    ]
