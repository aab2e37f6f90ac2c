"""Protocols of several candidates: what is asked, what is read, and that orders map back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Candidate, Completion, JudgeRequest, RequestError, Unjudged, Verdict
from judge.engines.scripted import prompt_text
from judge.folder import builtin_profile
from judge.protocols import PROTOCOLS
from judge.rubrics import Rubric, load_rubric
from judge.types import ProtocolName
from judge.verdicts import Reason

PROFILE = builtin_profile("default")
RUBRIC = load_rubric("helpfulness")
FOUR_WAY = replace(
    RUBRIC,
    options=(
        ("A>B", (1.0, 0.0)),
        ("B>A", (0.0, 1.0)),
        ("A=B=Good", (1.0, 1.0)),
        ("A=B=Bad", (0.0, 0.0)),
    ),
)


def request(protocol: ProtocolName, count: int, rubric: Rubric = RUBRIC) -> JudgeRequest:
    candidates = tuple(Candidate(f"answer number {place}") for place in range(count))
    return JudgeRequest(("What is it?",), candidates, rubric, protocol=protocol)


def read(reply: str, asked: JudgeRequest, finish: Any = "stop") -> Verdict | Unjudged:
    protocol = PROTOCOLS[asked.protocol](PROFILE.protocols[asked.protocol])
    return protocol.parse(Completion(f"<think>why</think>{reply}", finish), asked)


def shown(asked: JudgeRequest) -> str:
    protocol = PROTOCOLS[asked.protocol](PROFILE.protocols[asked.protocol])
    return prompt_text(protocol.render(asked))


# --- render ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "count"), [("pairwise", 2), ("listwise", 4), ("choice", 2)], ids=str
)
def test_every_candidate_stands_in_its_own_section_in_order(
    protocol: ProtocolName, count: int
) -> None:
    text = shown(request(protocol, count))
    places = [text.index(f"answer number {place}") for place in range(count)]
    assert places == sorted(places)
    assert text.index("What is it?") < places[0], "the question is shared, so it comes first"
    sections = [line for line in text.splitlines() if line.startswith("[") and "Answer" in line]
    assert len(set(sections)) == count, f"expected {count} different headings, got {sections}"


def test_the_prompt_names_the_options_of_the_rubric() -> None:
    text = shown(request("choice", 2, FOUR_WAY))
    assert "[[A>B]], [[B>A]], [[A=B=Good]], [[A=B=Bad]]" in text


def test_ties_are_forbidden_in_words_only_where_the_rubric_forbids_them() -> None:
    no_ties = PROFILE.protocols["listwise"].no_ties.strip()
    assert no_ties
    assert no_ties not in shown(request("listwise", 3))
    assert no_ties in shown(request("listwise", 3, replace(RUBRIC, ties="forbidden")))


@pytest.mark.parametrize(
    ("protocol", "count"),
    [
        ("pointwise", 0),
        ("pointwise", 2),
        ("pairwise", 1),
        ("pairwise", 3),
        ("listwise", 1),
        ("listwise", 27),
        ("choice", 1),
        ("choice", 3),
    ],
)
def test_another_number_of_candidates_is_refused(protocol: ProtocolName, count: int) -> None:
    with pytest.raises(RequestError, match=f"got {count}"):
        shown(request(protocol, count))


# --- parse -----------------------------------------------------------------------------------


def test_scores_come_in_the_candidates_order() -> None:
    outcome = read("<answer>3</answer><answer>8.5</answer>", request("pairwise", 2))
    assert isinstance(outcome, Verdict)
    assert (outcome.scores, outcome.best, outcome.reasoning) == ((3.0, 8.5), 1, "why")
    with pytest.raises(ValueError, match="too many"):
        _ = outcome.score


def test_a_tie_has_no_best_candidate() -> None:
    outcome = read("<answer>4</answer><answer>4</answer>", request("pairwise", 2))
    assert isinstance(outcome, Verdict)
    assert outcome.best is None


@pytest.mark.parametrize(
    ("reply", "finish", "reason"),
    [
        ("<answer>3</answer>", "end", Reason.NO_ANSWER),
        ("<answer>3</answer>", "length", Reason.TRUNCATED),
        ("<answer>3</answer><answer>4</answer><answer>5</answer>", "stop", Reason.SEVERAL_ANSWERS),
        ("<answer>3</answer><answer>11</answer>", "stop", Reason.OUT_OF_SCALE),
        ("<answer>3</answer><answer>A</answer>", "stop", Reason.NOT_A_NUMBER),
        ("<answer>3 4</answer>", "end", Reason.NO_ANSWER),
    ],
)
def test_two_scores_are_needed(reply: str, finish: str, reason: Reason) -> None:
    outcome = read(reply, request("pairwise", 2), finish)
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == reason


def test_equal_scores_are_no_verdict_where_ties_are_forbidden() -> None:
    asked = request("listwise", 3, replace(RUBRIC, ties="forbidden"))
    equal = read("<answer>3</answer><answer>5</answer><answer>3</answer>", asked)
    assert isinstance(equal, Unjudged)
    assert equal.reason == Reason.TIED
    different = read("<answer>3</answer><answer>5</answer><answer>4</answer>", asked)
    assert isinstance(different, Verdict)


@pytest.mark.parametrize(
    ("answer", "decimals", "is_read"),
    [("7", 0, True), ("7.0", 0, True), ("7.5", 0, False), ("7.5", 1, True), ("7.55", 1, False)],
)
def test_decimals_are_those_that_the_scale_has(answer: str, decimals: int, is_read: bool) -> None:
    asked = request("pointwise", 1, replace(RUBRIC, decimals=decimals))
    outcome = read(f"<answer>{answer}</answer>", asked)
    assert isinstance(outcome, Verdict) == is_read, outcome


@pytest.mark.parametrize(
    ("answer", "scores", "choice"),
    [
        ("[[A>B]]", (1.0, 0.0), "A>B"),
        (" [[B>A]]\n", (0.0, 1.0), "B>A"),
        ("[[A=B=Good]]", (1.0, 1.0), "A=B=Good"),
        ("[[A=B=Bad]]", (0.0, 0.0), "A=B=Bad"),
    ],
)
def test_a_choice_gives_its_points(answer: str, scores: tuple[float, float], choice: str) -> None:
    outcome = read(f"<answer>{answer}</answer>", request("choice", 2, FOUR_WAY))
    assert isinstance(outcome, Verdict)
    assert (outcome.scores, outcome.choice, outcome.scale) == (scores, choice, (0.0, 1.0))


@pytest.mark.parametrize("answer", ["[[C]]", "[[A=B]]", "A>B", "[[A>B", "7", "", "[[a>b]]"])
def test_an_unknown_option_is_no_verdict_and_not_a_tie(answer: str) -> None:
    outcome = read(f"<answer>{answer}</answer>", request("choice", 2, FOUR_WAY))
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == Reason.UNKNOWN_OPTION


@given(data=st.data(), count=st.integers(2, 6))
def test_what_is_written_is_read_back(data: st.DataObject, count: int) -> None:
    asked = request("listwise", count)
    scores = tuple(data.draw(st.integers(10, 100)) / 10 for _ in range(count))
    protocol = PROTOCOLS["listwise"](PROFILE.protocols["listwise"])
    reply = protocol.format("because", scores, asked)
    outcome = protocol.parse(Completion(reply, "stop"), asked)
    assert isinstance(outcome, Verdict), outcome
    assert outcome.scores == scores
    assert outcome.reasoning == "because"


@pytest.mark.parametrize(("option", "points"), FOUR_WAY.options)
def test_an_option_that_is_written_is_read_back(option: str, points: tuple[float, ...]) -> None:
    asked = request("choice", 2, FOUR_WAY)
    protocol = PROTOCOLS["choice"](PROFILE.protocols["choice"])
    outcome = protocol.parse(Completion(protocol.format("so", points, asked), "stop"), asked)
    assert isinstance(outcome, Verdict)
    assert outcome.choice == option


@given(
    text=st.text()
    | st.lists(
        st.sampled_from(
            ["<think>", "</think>", "<answer>", "</answer>", "7", "[[A>B]]", " ", "x", "<"]
        )
    ).map("".join),
    name=st.sampled_from(["pairwise", "listwise", "choice"]),
)
def test_any_reply_gives_scores_in_scale_or_no_verdict(text: str, name: Any) -> None:
    asked = request(name, 2)
    protocol = PROTOCOLS[name](PROFILE.protocols[name])
    outcome = protocol.parse(Completion(text, "end"), asked)
    if isinstance(outcome, Verdict):
        low, high = outcome.scale
        assert len(outcome.scores) == 2
        assert all(low <= score <= high for score in outcome.scores)
    else:
        assert isinstance(outcome, Unjudged)


# --- orders ----------------------------------------------------------------------------------


@given(order=st.permutations(range(4)))
def test_a_verdict_on_another_order_maps_back(order: list[int]) -> None:
    asked = request("listwise", 4)
    permuted = asked.permuted(tuple(order))
    assert [c.text for c in permuted.candidates] == [f"answer number {p}" for p in order]
    said = "".join(f"<answer>{2 * place + 1}</answer>" for place in order)  # by the candidate
    outcome = read(said, permuted)
    assert isinstance(outcome, Verdict)
    assert outcome.restored(tuple(order)).scores == (1.0, 3.0, 5.0, 7.0)


@pytest.mark.parametrize(
    ("said", "meant"), [("A>B", "B>A"), ("B>A", "A>B"), ("A=B=Good", "A=B=Good")]
)
def test_a_choice_on_swapped_candidates_maps_to_its_mirror_image(said: str, meant: str) -> None:
    asked = request("choice", 2, FOUR_WAY).swapped()
    outcome = read(f"<answer>[[{said}]]</answer>", asked)
    assert isinstance(outcome, Verdict)
    assert outcome.restored((1, 0)).choice == meant


@pytest.mark.parametrize("order", [(0,), (0, 0), (0, 2), (1, 0, 2), ()])
def test_an_order_has_to_name_each_candidate_once(order: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="names each place once"):
        request("pairwise", 2).permuted(order)
