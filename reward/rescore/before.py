"""What was said before of a row's candidates, as it stands in the row.

The first of these columns that a row has counts:

    the one that is named      a number, or a list with one for each candidate
    judgement                  as ``flex-judge score`` and ``flex-reward store export`` write it
    chosen_score, rejected_score   as ``flex-reward label`` writes them
    chosen, rejected           the first is the better one, no one knows by how much
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from judge.errors import RequestError


@dataclass(frozen=True, slots=True)
class Before:
    """Scores of the candidates, None unjudged; or, where ``is_order`` is true, numbers that tell
    only which is better. ``judge`` and ``rubric`` are names of what gave them, where known.
    """

    scores: tuple[float | None, ...]
    is_order: bool = False
    judge: str = ""
    rubric: str = ""


def read_before(columns: Mapping[str, Any], count: int, column: str | None = None) -> Before:
    """What was said of that many candidates.

    Args:
        columns: of the row.
        count: of its candidates.
        column: the one that holds the scores; None for those above.

    Raises:
        RequestError: no such column, or another number of scores.
    """
    if column is not None:
        if columns.get(column) is None:
            raise RequestError(f"nothing was said of this row before: it has no {column!r}")
        return Before(_scores(columns.get(column), count, column))
    judgement = columns.get("judgement")
    if isinstance(judgement, Mapping):
        scores = judgement.get("scores")
        return Before(
            (None,) * count if scores is None else _scores(scores, count, "judgement.scores"),
            judge=str(judgement.get("judge") or ""),
            rubric=str(judgement.get("rubric") or columns.get("rubric") or ""),
        )
    if columns.get("chosen_score") is not None and columns.get("rejected_score") is not None:
        scores = [columns["chosen_score"], columns["rejected_score"]]
        judge, rubric = columns.get("judge_fingerprint"), columns.get("rubric")
        return Before(
            _scores(scores, count, "chosen_score and rejected_score"),
            judge=str(judge or ""),
            rubric=str(rubric or ""),
        )
    if columns.get("chosen") is not None:
        return Before((1.0, 0.0), is_order=True)
    raise RequestError(
        "nothing was said of this row before: expected a 'judgement', 'chosen_score' and "
        "'rejected_score', 'chosen' and 'rejected', or a column named by --before-column"
    )


def _scores(value: Any, count: int, column: str) -> tuple[float | None, ...]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) == count and all(map(_is_score, values)):
        return tuple(None if each is None else float(each) for each in values)
    raise RequestError(f"{column} has to hold {count} numbers, got {str(value)[:80]}")


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))
