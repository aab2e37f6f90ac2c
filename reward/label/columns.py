"""A row of a preference dataset, in TRL's format.

id               the input row's id, or its number from 0
prompt           a text; or chat messages, where any row has those or a picture
images           the prompt's pictures, embedded; no such column where no row has one
chosen, rejected the two candidates, as the prompt is
chosen_score, rejected_score   their mean scores, on the rubric's scale
margin           the difference of these, above 0
order_consistent whether each order of the two says the same; null where one order was asked
candidates       the texts of all candidates of the input row (a molecule's SMILES)
scores           of each candidate every score that it was given
raw_judge        every reply of the judge on the row, in the order of asking
parse_ok         of each reply whether it could be read
reason           the first reason why something about the row stayed unjudged; null where all
                 was judged
protocol, rubric, judge_model, judge_fingerprint   how and by whom it was judged
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from judge.verdicts import Verdict
from reward.label.pairs import RowPairs
from reward.offline.comparisons import Preference
from reward.offline.forms import RowForm
from reward.offline.outputs import Features, import_datasets
from reward.offline.records import RowRecord, judge_words, unjudged_reasons


@dataclass(frozen=True, slots=True)
class Shape:
    """What all rows have in common.

    ``with_raw`` tells whether the judge's replies stand in the rows.
    """

    as_chat: bool
    with_pictures: bool
    with_raw: bool = True


def preference_row(
    form: RowForm,
    pairs: RowPairs,
    pair: Preference,
    maker: Mapping[str, str],
    shape: Shape,
) -> dict[str, Any]:
    """The row of one pair.

    Args:
        form: the input row's prompt, pictures and candidates.
        pairs: of the row.
        pair: one of them.
        maker: ``protocol``, ``rubric``, ``judge_model`` and ``judge_fingerprint``.
        shape: as all rows have it.
    """
    raw, parse_ok = judge_words(pairs.record)
    reasons = unjudged_reasons(pairs.record)
    return {
        "id": form.id,
        "prompt": form.prompt,
        **({"images": list(form.pictures)} if shape.with_pictures else {}),
        "chosen": form.completions[pair.chosen],
        "rejected": form.completions[pair.rejected],
        "chosen_score": pairs.values[pair.chosen],
        "rejected_score": pairs.values[pair.rejected],
        "margin": pair.margin,
        "order_consistent": pair.consistent,
        "candidates": list(form.texts),
        "scores": candidate_scores(pairs.record),
        "raw_judge": raw if shape.with_raw else [],
        "parse_ok": parse_ok,
        "reason": reasons[0] if reasons else None,
        **maker,
    }


def features(shape: Shape) -> Features:
    """Columns and types of the rows."""
    datasets = import_datasets()
    text, number, flag = (datasets.Value(kind) for kind in ("string", "float64", "bool"))
    several = datasets.List
    form = several({"role": text, "content": text}) if shape.as_chat else text
    return {
        "id": text,
        "prompt": form,
        **({"images": several(datasets.Image())} if shape.with_pictures else {}),
        "chosen": form,
        "rejected": form,
        "chosen_score": number,
        "rejected_score": number,
        "margin": number,
        "order_consistent": flag,
        "candidates": several(text),
        "scores": several(several(number)),
        "raw_judge": several(text),
        "parse_ok": several(flag),
        "reason": text,
        "protocol": text,
        "rubric": text,
        "judge_model": text,
        "judge_fingerprint": text,
    }


def candidate_scores(record: RowRecord) -> list[list[float]]:
    """Of each candidate the scores of all replies on it that could be read, in order of asking."""
    if record.facts is None:
        return []
    found: list[list[float]] = [[] for _ in record.facts.equals]
    for comparison in record.comparisons:
        outcome = comparison.outcome
        for reply in outcome.votes or (outcome,):
            if isinstance(reply, Verdict):
                for place, score in zip(comparison.order, reply.scores, strict=True):
                    found[place].append(score)
    return [found[first] for first in record.facts.equals]
