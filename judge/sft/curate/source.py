"""Raw rows: a question, two answers and the scores that a reference judge gave them.

The default columns are JudgeLM-100K's. Answers stand in text columns, or as SMILES in
``answer1_molecule`` and ``answer2_molecule``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from judge.errors import RequestError
from judge.protocols.reply import Unreadable, read_number
from judge.rubrics import load_rubric
from judge.sft.curate.funnel import Funnel, Stage
from judge.tables import TableRow, open_table


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of a raw row's columns; ``reference`` (a known good answer) is empty where there is
    none.
    """

    id: str = "question_id"
    question: str = "question_body"
    answer1: str = "answer1_body"
    answer2: str = "answer2_body"
    molecule1: str = "answer1_molecule"
    molecule2: str = "answer2_molecule"
    score: str = "score"
    rubric: str = "rubric"
    reference: str = ""


@dataclass(frozen=True, slots=True)
class RawPair:
    """A raw row that was read. ``id`` is unique in its source; ``answers`` are texts, or SMILES
    where ``are_molecules``; ``scores`` are the reference's, on the rubric's scale.
    """

    id: str
    question: str
    answers: tuple[str, str]
    are_molecules: bool
    scores: tuple[float, float]
    rubric: str
    reference: str | None

    def request(self, *places: int) -> dict[str, Any]:
        """The columns of :mod:`judge.rows` that ask for a judgement of these answers (from 0)."""
        column = "molecules" if self.are_molecules else "completions"
        row: dict[str, Any] = {
            "prompt": self.question,
            column: [self.answers[place] for place in places],
        }
        return row if self.reference is None else {**row, "reference": self.reference}


class _BadRowError(Exception):
    """A row that cannot be read: its first argument is the reason, its second what came."""


def read_pairs(
    source: str, columns: Columns, rubric: str, limit: int | None, funnel: Funnel
) -> list[RawPair]:
    """The pairs of a table, each once.

    Rows that cannot be read are counted by reason. A pair counts as the same where question and
    both answers (in either order) are the same words, whatever the case and white space.

    Args:
        source: as :func:`judge.tables.open_table` takes it.
        columns: the columns' names.
        rubric: the rubric of rows that name none.
        limit: rows to read at most.
        funnel: gets the steps "read" and "de-duplicate".

    Raises:
        RequestError: the table or the rubric cannot be read, or not one pair is in the table; the
            message tells why its rows are none.
        MissingExtraError: as :func:`judge.tables.open_table`.
    """
    load_rubric(rubric)
    reading, unique = funnel.stage("read"), funnel.stage("de-duplicate")
    seen: set[bytes] = set()
    ids: Counter[str] = Counter()
    pairs = []
    for number, row in enumerate(islice(open_table(source).rows(), limit), start=1):
        reading.entered += 1
        try:
            pair = _read(row, columns, rubric, number)
        except _BadRowError as error:
            reason, detail = error.args
            reading.drop(reason, f"row {number}: {detail}")
            continue
        unique.entered += 1
        key = _key(pair)
        if key in seen:
            unique.drop("same question and answers", f"row {number}: {pair.id}")
            continue
        seen.add(key)
        ids[pair.id] += 1
        if ids[pair.id] > 1:
            pair = replace(pair, id=f"{pair.id}~{number}")
        pairs.append(pair)
    if not pairs:
        raise RequestError(f"{source} holds no pair to curate: {_complaint(reading)}")
    return pairs


def normalised(text: str) -> str:
    """The text's words alone: lower case, single spaces."""
    return " ".join(text.casefold().split())


def digest(pairs: list[RawPair]) -> str:
    """Sixteen hex digits that change with any pair or their order."""
    total = hashlib.sha256()
    for pair in pairs:
        total.update(json.dumps(asdict(pair)).encode())
    return total.hexdigest()[:16]


def _complaint(reading: Stage) -> str:
    if not reading.entered:
        return "it is empty"
    examples = [texts[0] for texts in reading.examples.values() if texts]
    return f"{reading.entered} rows were read; {'; '.join(examples)}"


def _read(row: TableRow, columns: Columns, rubric: str, number: int) -> RawPair:
    if row.problem:
        raise _BadRowError("not a row", row.problem)
    values = row.columns
    question = _text(values, columns.question)
    molecules = (values.get(columns.molecule1), values.get(columns.molecule2))
    are_molecules = any(each is not None for each in molecules)
    names = (
        (columns.molecule1, columns.molecule2)
        if are_molecules
        else (columns.answer1, columns.answer2)
    )
    name = rubric if values.get(columns.rubric) is None else _text(values, columns.rubric)
    identity = values.get(columns.id)
    return RawPair(
        id=f"row-{number}" if identity is None else str(identity),
        question=question,
        answers=(_text(values, names[0], may_be_empty=True), _text(values, names[1], True)),
        are_molecules=are_molecules,
        scores=_scores(values, columns.score, name, are_molecules=are_molecules),
        rubric=name,
        reference=_text(values, columns.reference) if columns.reference in values else None,
    )


def _text(values: Mapping[str, Any], column: str, may_be_empty: bool = False) -> str:
    value = values.get(column)
    if value is None:
        raise _BadRowError(f"no {column}", f"its columns are {', '.join(sorted(values))}")
    if not isinstance(value, str):
        raise _BadRowError(f"{column} is no text", f"got {type(value).__name__}")
    if not value.strip() and not may_be_empty:
        raise _BadRowError(f"{column} is empty", repr(value))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _BadRowError(f"{column} is no valid text", str(error)) from error
    return value


def _scores(
    values: Mapping[str, Any], column: str, rubric: str, *, are_molecules: bool
) -> tuple[float, float]:
    try:
        on = load_rubric(rubric)
    except RequestError as error:
        raise _BadRowError("unknown rubric", str(error)) from error
    if on.candidate == "molecule" and not are_molecules:
        raise _BadRowError("a text where the rubric judges molecules", f"rubric {rubric!r}")
    value = values.get(column)
    written = (
        [str(each) for each in value]
        if isinstance(value, list | tuple)
        else re.findall(r"[^\s,;\[\]()]+", value if isinstance(value, str) else "")
    )
    if len(written) != 2:
        raise _BadRowError(f"{column} is not two numbers", f"got {value!r}")
    scores = [read_number(each, on.scale, on.decimals) for each in written]
    for score in scores:
        if isinstance(score, Unreadable):
            raise _BadRowError(f"{column}: {score.reason}", score.detail)
    first, second = (float(score) for score in scores if not isinstance(score, Unreadable))
    if on.ties == "forbidden" and first == second:
        raise _BadRowError("equal scores where the rubric forbids ties", f"got {value!r}")
    return first, second


def _key(pair: RawPair) -> bytes:
    texts = [normalised(pair.question), *sorted(map(normalised, pair.answers))]
    if pair.are_molecules:  # the case of a SMILES means something
        texts = [normalised(pair.question), *sorted(pair.answers)]
    return hashlib.sha256("\0".join(texts).encode()).digest()
