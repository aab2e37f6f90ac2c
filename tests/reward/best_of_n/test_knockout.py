"""Knockouts, and choices among the first N."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Candidate, JudgeRequest, load_rubric
from judge.verdicts import Outcome, Reason, Unjudged, Verdict
from reward.best_of_n.knockout import Knockout, draw, play, results
from reward.best_of_n.picks import pick_by_knockout, pick_by_value
from reward.best_of_n.ties import TieBreak
from reward.offline.comparisons import Comparison
from reward.offline.records import RowFacts, RowRecord

FIRST = TieBreak("first")


class Scores:
    """Gives each candidate the number that it is; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def __call__(self, request: JudgeRequest) -> Outcome:
        texts = tuple(each.text for each in request.candidates)
        self.asked.append(texts)
        if "mute" in texts:
            return Unjudged(Reason.NO_ANSWER)
        return Verdict(tuple(float(text) for text in texts), (0, 100), "as they are")


def request_of(*texts: str) -> JudgeRequest:
    return JudgeRequest(("Q?",), tuple(map(Candidate, texts)), load_rubric("helpfulness"))


async def played(*texts: str, scheme: Knockout) -> tuple[RowRecord, Scores]:
    ask = Scores()
    request = request_of(*texts)
    comparisons = await scheme.compare(request, ask, 0)
    places = {text: texts.index(text) for text in texts}
    facts = RowFacts(
        "", tuple(map(len, texts)), tuple(places[text] for text in texts), False, False
    )
    return RowRecord(0, facts, comparisons), ask


@pytest.mark.parametrize("count", [2, 3, 5, 8, 16])
async def test_the_best_of_any_number_wins_in_one_meeting_less(count: int) -> None:
    texts = [str(number) for number in range(count)]
    record, ask = await played(*texts, scheme=Knockout(seeds=1))
    pick = pick_by_knockout(record, FIRST)
    assert pick(draw(count, 0, 0)).place == count - 1
    assert len(ask.asked) == 2 * (count - 1)
    assert {tuple(reversed(each)) for each in ask.asked} == set(ask.asked)


async def test_the_bracket_of_16_holds_those_of_fewer() -> None:
    texts = [str(number) for number in range(16)]
    record, _ = await played(*texts, scheme=Knockout(seeds=2))
    pick = pick_by_knockout(record, FIRST)
    for seed in (0, 1):
        order = draw(16, seed, 0)
        for n in (1, 2, 4, 8, 16):
            assert pick(order[:n]).place == max(order[:n])


async def test_two_that_meet_in_several_brackets_are_judged_once() -> None:
    _, ask = await played("1", "2", scheme=Knockout(seeds=5))
    assert len(ask.asked) == 2


async def test_a_tie_is_broken_by_the_rule_and_told() -> None:
    record, _ = await played("7", "07", scheme=Knockout(seeds=1, ties=TieBreak("shortest")))
    assert pick_by_knockout(record, TieBreak("shortest"))(draw(2, 0, 0)).place == 0
    assert pick_by_knockout(record, TieBreak("shortest"))(draw(2, 0, 0)).tied


async def test_equal_candidates_need_no_judge() -> None:
    record, ask = await played("7", "7", "7", scheme=Knockout())
    assert ask.asked == []
    assert pick_by_knockout(record, FIRST)(draw(3, 0, 0)).place in {0, 1, 2}


async def test_nobody_wins_a_meeting_that_is_unjudged() -> None:
    record, _ = await played("1", "mute", "3", "4", scheme=Knockout(seeds=1))
    order = draw(4, 0, 0)
    pick = pick_by_knockout(record, FIRST)
    assert pick(order).place is None
    assert pick([place for place in order if place != 1][:1]).place is not None


async def test_one_order_asks_half() -> None:
    _, ask = await played("1", "2", "3", "4", scheme=Knockout(seeds=1, both_orders=False))
    assert len(ask.asked) == 3


def test_results_of_meetings() -> None:
    verdict = Verdict((4.0, 6.0), (1, 10), "")
    found = results(
        [
            Comparison(0, (2, 1), verdict),
            Comparison(0, (1, 2), verdict),
            Comparison(1, (0, 1), verdict),
            Comparison(2, (0, 2), Unjudged(Reason.NO_ANSWER)),
        ]
    )
    assert found == {(1, 2): "tie", (0, 1): 1, (0, 2): "unjudged"}


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 3))
def test_a_bracket_of_known_meetings_has_the_best_win(count: int, seed: int, row: int) -> None:
    known = {(one, other): other for one in range(count) for other in range(one + 1, count)}
    assert play(draw(count, seed, row), range(count), known, min) == count - 1


def scored(*scores: float | None) -> RowRecord:
    comparisons = tuple(
        Comparison(
            place,
            (place,),
            Unjudged(Reason.NO_ANSWER) if score is None else Verdict((score,), (1, 10), ""),
        )
        for place, score in enumerate(scores)
    )
    places = tuple(range(len(scores)))
    lengths = tuple(9 - place for place in places)
    return RowRecord(3, RowFacts("", lengths, places, False, False), comparisons)


def test_the_highest_score_is_chosen_among_those_with_one() -> None:
    pick = pick_by_value(scored(3, None, 8, 5), FIRST)
    assert pick([0, 1, 2, 3]).place == 2
    assert pick([3, 1, 0]).place == 3
    assert pick([1]).place is None


def test_ties_go_by_the_rule() -> None:
    record = scored(8, 8, 8)
    found = {
        rule: pick_by_value(record, TieBreak(rule))([2, 0, 1]) for rule in ("first", "shortest")
    }
    assert (found["first"].place, found["shortest"].place) == (0, 2)
    assert found["first"].tied
    drawn = {pick_by_value(record, TieBreak(seed=seed))([0, 1, 2]).place for seed in range(30)}
    assert drawn == {0, 1, 2}
    assert not pick_by_value(scored(8, 2), FIRST)([0, 1]).tied
