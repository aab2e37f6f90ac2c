"""A composed reward: gates before the judge, the judge or nothing, every part told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Reason, RequestError, Rubric, load_rubric
from judge.types import Candidate, Usage
from reward import Reward
from reward.compose import ComposedReward, Gate, WeightedTerm
from reward.composed_config import load_composed
from reward.terms import Ending, LengthBand, Pattern, Repetition

GATES = (
    Gate("not_empty", LengthBand(1), value=-1.0),
    Gate("varied", Repetition(1), value=0.1, at_least=0.5),
)
TERMS = (
    WeightedTerm("band", LengthBand(2, 4, margin=2), 0.5),
    WeightedTerm("ending", Ending(), 0.5),
)
COMPOSED = ComposedReward("mine", "captioning", GATES, TERMS, judge_weight=3.0)
GOOD, LOOP, EMPTY = Candidate("a red circle."), Candidate("a a a"), Candidate(" ")
UNJUDGED = Reward(None, reason=Reason.DEADLINE, detail="late", usage=Usage(5, 1))


def rewards_of(*candidates: Candidate, judged: list[Reward]) -> list[Reward]:
    measured = [COMPOSED.measure(each) for each in candidates]
    asked = [each for each in measured if each.gated is None]
    assert len(judged) == len(asked), "the judge is asked of those that meet all gates alone"
    return COMPOSED.combine(measured, judged)


def test_the_reward_is_the_weighted_mean_of_judge_and_terms() -> None:
    judged = Reward(0.5, 5.5, rationale="because", usage=Usage(10, 3))
    (reward,) = rewards_of(GOOD, judged=[judged])
    assert reward.value == pytest.approx((3.0 * 0.5 + 0.5 * 1.0 + 0.5 * 1.0) / 4.0)
    assert (reward.score, reward.rationale, reward.usage) == (5.5, "because", Usage(10, 3))
    assert dict(reward.parts) == {
        "judge": 0.5,
        "not_empty": 1.0,
        "varied": 1.0,
        "band": 1.0,
        "ending": 1.0,
    }


def test_without_the_judge_there_is_no_reward_however_good_the_terms() -> None:
    (reward,) = rewards_of(GOOD, judged=[UNJUDGED])
    assert reward.value is None
    assert (reward.reason, reward.detail, reward.usage) == (Reason.DEADLINE, "late", Usage(5, 1))
    assert dict(reward.parts) == {"not_empty": 1.0, "varied": 1.0, "band": 1.0, "ending": 1.0}


def test_what_fails_a_gate_has_its_value_and_is_not_judged() -> None:
    empty, good, loop = rewards_of(EMPTY, GOOD, LOOP, judged=[Reward(1.0, 10.0)])
    assert (empty.value, good.value, loop.value) == (-1.0, 1.0, 0.1)
    assert empty.detail == "fails the gate 'not_empty'"
    assert dict(empty.parts) == {"not_empty": 0.0}
    assert dict(loop.parts) == {"not_empty": 1.0, "varied": pytest.approx(1 / 3)}


def test_a_term_behind_a_gate_is_not_asked_of_what_fails_it() -> None:
    def fails(candidate: Candidate) -> float:
        raise AssertionError("asked")

    composed = ComposedReward("c", "r", GATES[:1], (WeightedTerm("fails", fails, 1.0),))
    assert composed.measure(EMPTY).gated is not None


@given(st.lists(st.none() | st.floats(0, 1), max_size=8))
def test_each_gets_its_own_reward_and_none_stays_none(judged: list[float | None]) -> None:
    rewards = rewards_of(
        *([GOOD] * len(judged)),
        judged=[UNJUDGED if value is None else Reward(value) for value in judged],
    )
    for value, reward in zip(judged, rewards, strict=True):
        assert (reward.value is None) == (value is None)
        assert value is None or reward.value == pytest.approx((3 * value + 1) / 4)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_a_term_out_of_its_range_is_an_error(value: float) -> None:
    composed = ComposedReward("c", "r", terms=(WeightedTerm("odd", lambda _: value, 1.0),))
    with pytest.raises(ValueError, match=r"'odd' must give a number in \[0, 1\]"):
        composed.measure(GOOD)


def test_the_fingerprint_tells_of_every_setting_and_of_the_rubric() -> None:
    rubric = load_rubric("captioning")
    prints = {
        composed.fingerprint(each)
        for composed in (COMPOSED, ComposedReward("mine", "captioning", GATES, TERMS))
        for each in (rubric, Rubric("captioning", "other criteria"))
    }
    assert len(prints) == 4
    assert all(each.startswith("mine-") for each in prints)


FILE = r"""
name: mine
rubric: captioning
judge_weight: 3
gates:
  - {name: not_empty, length: {low: 1}, value: -1}
  - {name: varied, repetition: {n: 1}, at_least: 0.5, value: 0.1}
terms:
  - {name: band, length: {low: 2, high: 4, margin: 2}, weight: 0.5}
  - {ending: {}, weight: 0.5}
"""


def test_a_file_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    assert load_composed(path) == COMPOSED


def test_gates_and_terms_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: bare\nrubric: captioning")
    assert load_composed(path) == ComposedReward("bare", "captioning")


def test_every_kind_of_term_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: all\nrubric: r\ngates:\n  - {molecule: {}, value: 0}\n"
        "  - {pattern: {pattern: 'https?://', forbidden: true}, value: 0}\n"
    )
    molecule, pattern = load_composed(path).gates
    assert molecule.name == "molecule"
    assert pattern.term == Pattern("https?://", forbidden=True)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ("{length: {lo: 1}, weight: 1}", r"terms\.0\.length\.lo: Unexpected"),
        ("{length: {low: 3, high: 2}, weight: 1}", r"terms\.0\.length: .*low=3, high=2"),
        ("{pattern: {pattern: '('}, weight: 1}", r"terms\.0\.pattern: .*no regular expression"),
        ("{ending: , weight: 1}", r"terms\.0: .*takes one term \(length or "),
        ("{ending: {}, length: {}, weight: 1}", r"terms\.0: .*takes one term"),
        ("{ending: {}, weigth: 1}", r"terms\.0\.weight: Field required; terms\.0\.weigth: Extra"),
        ("{ending: {}, weight: 0}", "weight of 'ending' must be above 0"),
        ("{ending: {}, weight: .inf}", "weight of 'ending' must be above 0 and finite"),
        ("{name: judge, ending: {}, weight: 1}", "names of their own, got judge, judge"),
        ("{", "while parsing a flow"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(terms: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: c\nrubric: r\nterms:\n  - {terms}\n")
    with pytest.raises(RequestError, match=rf"(?s)mine\.yaml does not hold .*{message}"):
        load_composed(path)


@pytest.mark.parametrize("text", ["", "3", "[]"])
def test_a_file_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RequestError, match="does not hold a composed reward"):
        load_composed(path)
    with pytest.raises(RequestError, match="No such file"):
        load_composed(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("gate", "message"),
    [({"value": float("nan")}, "must be finite"), ({"value": 0, "at_least": 2}, "at_least is in")],
)
def test_gates_are_checked(gate: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gate("g", Ending(), **gate)
