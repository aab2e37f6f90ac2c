"""Questions, attempts and outcomes to put into stores; strategies that make any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Row, select

from judge import Candidate, Decoding, JudgeRequest, Rubric
from judge.types import Usage
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict
from reward.store.attempt import Attempt, Labels, Question
from reward.store.database import open_database
from reward.store.settings import StoreSettings
from reward.store.table import verdicts

RUBRIC = Rubric("test", "Anything.")
PATIENT = StoreSettings(lookup_s=120.0)
"""For machines that are busy with something else."""


def request(text: str = "score=7", **fields: Any) -> JudgeRequest:
    candidates = fields.pop("candidates", (Candidate(text),))
    return JudgeRequest(
        **{"question": ("Q",), "candidates": candidates, "rubric": RUBRIC, **fields}
    )


def question(text: str = "score=7") -> Question:
    return Question(request(text), "judge-1", Decoding())


def verdict(score: float = 7.0) -> Verdict:
    return Verdict((score,), (1, 10), "as told", f"<answer>{score}</answer>", Usage(11, 5, 3))


def unjudged(reason: Reason = Reason.NO_ANSWER) -> Unjudged:
    return Unjudged(reason, "nothing came", "hm", Usage(11, 2))


def attempt(text: str = "score=7", outcome: Outcome | None = None, **fields: Any) -> Attempt:
    run, step = fields.pop("run", ""), fields.pop("step", None)
    return Attempt(question(text), outcome or verdict(), Labels(run, step), **fields)


def rows(location: str | Path) -> list[Row[Any]]:
    """All rows, oldest first."""
    engine = open_database(location, create=False)
    with engine.connect() as connection:
        found = connection.execute(select(verdicts).order_by(verdicts.c.id)).all()
    engine.dispose()
    return list(found)


_texts = st.text(st.characters(codec=None), max_size=20)
"""Any characters: NUL and lone surrogates, too."""
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_counts = st.integers(0, 2**40)
_usages = st.builds(Usage, _counts, _counts, _counts)


def _with_votes(votes: st.SearchStrategy[tuple[Outcome, ...]]) -> st.SearchStrategy[Outcome]:
    shared = {
        "reply": _texts,
        "usage": _usages,
        "votes": votes,
        "reasks": st.integers(0, 5),
    }
    options = st.lists(st.tuples(_texts, st.tuples(_numbers, _numbers)), max_size=3).map(tuple)
    soft = st.lists(st.builds(SoftScore, _numbers, _numbers, _numbers), max_size=3).map(tuple)
    return st.builds(
        Verdict,
        scores=st.lists(_numbers, min_size=1, max_size=4).map(tuple),
        scale=st.tuples(_numbers, _numbers),
        reasoning=_texts,
        options=options,
        soft=st.none() | soft,
        flipped=st.none() | st.booleans(),
        **shared,
    ) | st.builds(Unjudged, reason=st.sampled_from(Reason), detail=_texts, **shared)


outcomes: st.SearchStrategy[Outcome] = st.recursive(
    _with_votes(st.just(())),
    lambda votes: _with_votes(st.lists(votes, max_size=3).map(tuple)),
    max_leaves=4,
)
