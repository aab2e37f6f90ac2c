"""Groups: whatever the order of their members, whoever is unjudged, however the judge is biased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Candidate, JudgeRequest, Reason, RequestError, Rubric, Unjudged, Usage, Verdict
from judge.verdicts import Outcome
from reward.groups import (
    GroupScoring,
    ListwiseScoring,
    MemberReward,
    PairwiseScoring,
    judge_group,
    plan_group,
)

RUBRIC = Rubric("r", "criteria")
BAD = Unjudged(Reason.BAD_REQUEST, "no completion")
FAILED = Unjudged(Reason.ENGINE_ERROR, "out of cache")
PAIRS, LISTS = GroupScoring(), GroupScoring(ListwiseScoring())
BLENDED = GroupScoring(PairwiseScoring(), pointwise_weight=0.25)
ALL = [
    PAIRS,
    LISTS,
    BLENDED,
    GroupScoring(PairwiseScoring(neighbours=1)),
    GroupScoring(PairwiseScoring(both_orders=False, protocol="choice")),
    GroupScoring(ListwiseScoring(permutations=3), pointwise_weight=0.5),
]

Ask = Callable[[JudgeRequest], Outcome]


def member(text: str, **changes: object) -> JudgeRequest:
    return replace(JudgeRequest(("Q",), (Candidate(text),), RUBRIC), **changes)  # type: ignore[arg-type]  # fields of a request


def by_merit(request: JudgeRequest) -> Outcome:
    """A judge without a liking for places, to whom a text's number is its score."""
    scores = tuple(float(each.text.split()[0]) for each in request.candidates)
    return Verdict(scores, (1, 10), "because", usage=Usage(10, 2))


def first_place(request: JudgeRequest) -> Outcome:
    """A judge that always likes the first place best."""
    return Verdict(
        tuple(float(10 - place) for place in range(len(request.candidates))), (1, 10), ""
    )


def results(
    members: list[JudgeRequest | Unjudged], scoring: GroupScoring = PAIRS, ask: Ask = by_merit
) -> list[MemberReward]:
    plan = plan_group(members, scoring)
    return plan.rewards([ask(request) for request in plan.requests])


def values(
    members: list[JudgeRequest | Unjudged], scoring: GroupScoring = PAIRS, ask: Ask = by_merit
) -> list[float | None]:
    return [each.reward.value for each in results(members, scoring, ask)]


def test_win_rates_of_a_round_robin() -> None:
    members = [member("3"), member("9"), member("5"), member("1")]
    assert values(list(members)) == pytest.approx([1 / 3, 1.0, 2 / 3, 0.0])
    assert [(each.asked, each.judged) for each in results(list(members))] == [(3, 3)] * 4


def test_ranks_of_lists() -> None:
    assert values([member("3"), member("9"), member("5")], LISTS) == [0.0, 1.0, 0.5]


def test_ties_are_half_a_win() -> None:
    assert values([member("5 a"), member("5 b"), member("9")]) == [0.25, 0.25, 1.0]
    assert values([member("5 a"), member("5 b")], LISTS) == [0.5, 0.5]


def test_members_that_are_equal_are_judged_once_and_share_a_reward() -> None:
    members = [member("5", id="a"), member("9"), member("5", id="b")]
    assert len(plan_group(members, PAIRS).requests) == 2
    assert values(list(members)) == [0.0, 1.0, 0.0]


def test_a_group_of_equals_is_tied_without_a_comparison() -> None:
    assert plan_group([member("5")] * 3, PAIRS).requests == []
    assert values([member("5")] * 3) == [0.5, 0.5, 0.5]
    assert values([member("10")] * 2, BLENDED) == pytest.approx([0.75 * 0.5 + 0.25] * 2)


def test_rewards_lie_in_the_rubrics_range() -> None:
    rubric = Rubric("r", "criteria", reward_range=(-1.0, 1.0))
    members = [member("3", rubric=rubric), member("9", rubric=rubric)]
    assert values(list(members)) == [-1.0, 1.0]
    blended = values(list(members), BLENDED)
    assert blended == pytest.approx(
        [0.75 * -1 + 0.25 * (-1 + 2 * 2 / 9), 0.75 + 0.25 * (-1 + 2 * 8 / 9)]
    )


def test_a_blend_tells_its_parts_and_the_pointwise_judgement() -> None:
    high = results([member("3"), member("9")], BLENDED)[1].reward
    assert dict(high.parts) == {"comparison": 1.0, "pointwise": pytest.approx(8 / 9)}
    assert high.value == pytest.approx(0.75 + 0.25 * 8 / 9)
    assert (high.score, high.rationale, high.usage) == (9.0, "because", Usage(10, 2))


@given(
    st.lists(st.integers(1, 10).map(str), min_size=2, max_size=7).flatmap(
        lambda texts: st.tuples(st.just(texts), st.permutations(range(len(texts))))
    ),
    st.sampled_from(ALL),
    st.sampled_from([by_merit, first_place]),
)
def test_permuting_the_members_permutes_their_rewards(
    group: tuple[list[str], list[int]], scoring: GroupScoring, ask: Ask
) -> None:
    texts, order = group
    members: list[JudgeRequest | Unjudged] = [member(text) for text in texts]
    straight = values(members, scoring, ask)
    assert values([members[place] for place in order], scoring, ask) == [
        straight[place] for place in order
    ]


@given(st.lists(st.text(max_size=5), unique=True, min_size=2, max_size=7))
def test_a_liking_for_the_first_place_cancels_out_over_both_orders(texts: list[str]) -> None:
    members: list[JudgeRequest | Unjudged] = [member(text) for text in texts]
    assert values(members, PAIRS, first_place) == [0.5] * len(texts)
    assert values(members, LISTS, first_place) == pytest.approx([0.5] * len(texts))


@given(st.lists(st.integers(1, 99), unique=True, min_size=2, max_size=8), st.sampled_from(ALL))
def test_calls_are_as_many_as_stated(numbers: list[int], scoring: GroupScoring) -> None:
    plan = plan_group([member(str(number)) for number in numbers], scoring)
    assert len(plan.requests) == scoring.calls(len(numbers))


@pytest.mark.parametrize(
    ("scoring", "calls"),
    [
        (PAIRS, 56),
        (GroupScoring(PairwiseScoring(both_orders=False)), 28),
        (GroupScoring(PairwiseScoring(neighbours=2)), 32),
        (LISTS, 2),
        (GroupScoring(ListwiseScoring(5), pointwise_weight=0.5), 13),
    ],
)
def test_calls_of_a_group_of_eight(scoring: GroupScoring, calls: int) -> None:
    assert scoring.calls(8) == calls


def failing(*texts: str) -> Ask:
    """A judge that fails on comparisons that one of these candidates is first in."""

    def ask(request: JudgeRequest) -> Outcome:
        fails = len(request.candidates) > 1 and request.candidates[0].text in texts
        return FAILED if fails else by_merit(request)

    return ask


def test_an_unjudged_comparison_is_left_out_and_reported() -> None:
    def ask(request: JudgeRequest) -> Outcome:
        return (
            FAILED
            if {each.text for each in request.candidates} == {"3", "9"}
            else by_merit(request)
        )

    three, nine, five = results([member("3"), member("9"), member("5")], ask=ask)
    assert [each.reward.value for each in (three, nine, five)] == [0.0, 1.0, 0.5]
    assert [(each.asked, each.judged) for each in (three, nine, five)] == [(2, 1), (2, 1), (2, 2)]


def test_a_comparison_counts_in_both_orders_or_not_at_all() -> None:
    three, nine, five = results([member("3"), member("9"), member("5")], ask=failing("3"))
    assert three.reward.value is None
    assert (three.asked, three.judged) == (2, 0)
    assert three.reward.reason == Reason.ENGINE_ERROR
    assert three.reward.detail == "none of 2 comparisons was judged; the first: out of cache"
    assert (nine.reward.value, five.reward.value) == (1.0, 0.0)


def test_a_missing_pointwise_judgement_leaves_no_reward() -> None:
    def ask(request: JudgeRequest) -> Outcome:
        return FAILED if request.candidates == (Candidate("3"),) else by_merit(request)

    low, high = results([member("3"), member("9")], BLENDED, ask)
    assert (low.reward.value, low.reward.reason) == (None, Reason.ENGINE_ERROR)
    assert dict(low.reward.parts) == {"comparison": 0.0}
    assert high.reward.value is not None


@given(
    st.lists(st.integers(1, 99), unique=True, min_size=2, max_size=6),
    st.sampled_from(ALL),
    st.data(),
)
def test_no_failure_becomes_a_number_and_no_number_leaves_its_range(
    numbers: list[int], scoring: GroupScoring, data: st.DataObject
) -> None:
    plan = plan_group([member(str(number)) for number in numbers], scoring)
    unit = Rubric("r", "criteria", scale=(1, 99))
    plan = replace(plan, entrants=tuple(replace(each, rubric=unit) for each in plan.entrants))
    outcomes = [
        FAILED if data.draw(st.booleans()) else replace(_verdict(by_merit(each)), scale=(1, 99))
        for each in plan.requests
    ]
    for each in plan.rewards(outcomes):
        assert (each.reward.value is None) == (each.reward.reason is not None)
        assert each.reward.value is None or (0 <= each.reward.value <= 1 and each.judged > 0)
        assert 0 <= each.judged <= each.asked


def _verdict(outcome: Outcome) -> Verdict:
    assert isinstance(outcome, Verdict)
    return outcome


def test_what_cannot_be_judged_leaves_the_others_alone() -> None:
    low, bad, high = results([member("3"), BAD, member("9")])
    assert (low.reward.value, high.reward.value) == (0.0, 1.0)
    assert (bad.reward.value, bad.reward.reason) == (None, Reason.BAD_REQUEST)


@pytest.mark.parametrize("others", [[], [BAD]])
def test_one_candidate_alone_has_no_reward(others: list[Unjudged]) -> None:
    only = results([member("3"), *others])[0].reward
    assert (only.value, only.reason) == (None, Reason.BAD_REQUEST)
    assert "at least two candidates" in only.detail


def test_nobody_no_rewards() -> None:
    assert results([]) == []


@pytest.mark.parametrize(
    "other",
    [
        member("9", question=("another",)),
        member("9", reference="gold"),
        member("9", rubric=Rubric("other", "criteria")),
        member("9", candidates=(Candidate("9"), Candidate("8"))),
    ],
)
def test_members_are_of_one_question(other: JudgeRequest) -> None:
    with pytest.raises(RequestError, match="members of a group are one candidate each"):
        plan_group([member("3"), other], PAIRS)


def test_a_list_has_an_end() -> None:
    members = [member(str(number)) for number in range(27)]
    with pytest.raises(RequestError, match=r"takes 26 different candidates at most, got 27; use"):
        plan_group(members, LISTS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PairwiseScoring(neighbours=0),
        lambda: ListwiseScoring(permutations=0),
        lambda: GroupScoring(pointwise_weight=1.0),
        lambda: GroupScoring(pointwise_weight=-0.1),
    ],
)
def test_settings_are_checked(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="got"):
        make()


async def test_a_group_is_judged_in_process() -> None:
    async def ask(request: JudgeRequest) -> Outcome:
        return by_merit(request)

    rewards = await judge_group(ask, [member("3"), member("9")], PAIRS)
    assert [each.reward.value for each in rewards] == [0.0, 1.0]
