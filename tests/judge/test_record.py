"""The record of a judgement: always the same keys, in JSON and in Parquet alike."""

from __future__ import annotations

import pyarrow as pa
import pytest

from judge.record import record, record_type
from judge.types import Usage
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict

MAKER: dict[str, str | None] = {"judge": "f00d", "rubric": None}
ONE = Verdict((7.0,), (1, 10), "Fine.", "<reply>", Usage(50, 9, 40))
TWO = Verdict((1.0, 0.0), (0, 1), "First.", options=(("A>B", (1.0, 0.0)), ("B>A", (0.0, 1.0))))
UNREAD = Unjudged(Reason.NO_ANSWER, "no tag", "hm", Usage(5, 1))
OUTCOMES: list[Outcome] = [
    ONE,
    TWO,
    Verdict((5.0, 5.0, 5.0), (1, 10), "", soft=(SoftScore(5.0, 0.5, 0.1),) * 3),
    Verdict((7.5,), (1, 10), "", votes=(ONE, UNREAD, ONE), reasks=2),
    Verdict((6.0, 4.0), (1, 10), "", flipped=True),
    Unjudged(Reason.TOO_FEW_VOTES, "1 of 3", votes=(ONE, UNREAD, UNREAD)),
    UNREAD,
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_record_has_every_key_and_fits_its_arrow_type(outcome: Outcome) -> None:
    made = record(outcome, "pointwise", MAKER)
    assert list(made) == [field.name for field in record_type()]
    assert pa.array([made], type=record_type()).to_pylist() == [made]
    assert (made["scores"] is None) == (made["reason"] is not None), "a failure is never a number"


def test_one_candidate_has_a_score_and_several_have_a_best() -> None:
    one, two = record(ONE, "pointwise", MAKER), record(TWO, "choice", MAKER)
    assert (one["score"], one["scores"], one["best"]) == (7.0, [7.0], None)
    assert (two["score"], two["scores"], two["best"]) == (None, [1.0, 0.0], 0)
    assert (one["choice"], two["choice"]) == (None, "A>B")


def test_votes_are_their_scores_and_null_where_one_was_not_read() -> None:
    assert record(OUTCOMES[3], "pointwise", MAKER)["votes"] == [[7.0], None, [7.0]]
    assert record(ONE, "pointwise", MAKER)["votes"] == []


def test_tokens_are_counted_and_the_cache_is_not_told_of() -> None:
    usage = record(ONE, "pointwise", MAKER)["usage"]
    assert usage == {"prompt_tokens": 50, "completion_tokens": 9}


def test_what_utf8_cannot_hold_is_spelled_out() -> None:
    made = record(Unjudged(Reason.NO_ANSWER, "\ud800", "\udfff"), None, MAKER)
    assert (made["detail"], made["reasoning"]) == ("\\ud800", "\\udfff")
