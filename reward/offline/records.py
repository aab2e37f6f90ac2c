"""What became of a row, as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from judge.errors import RequestError
from judge.messages import is_messages
from judge.rows import Row
from judge.verdicts import Outcome, Unjudged, Verdict
from reward.offline.comparisons import Comparison, failures, first_of_equals
from reward.store.codec import outcome_fields, outcome_of


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What is known of a row beside its comparisons.

    Args:
        digest: changes with its prompt's and its candidates' texts.
        lengths: characters of each candidate.
        equals: for each candidate the place of the first that equals it.
        is_chat: whether its prompt or a candidate is a list of messages.
        has_pictures: whether pictures belong to its prompt.
    """

    digest: str
    lengths: tuple[int, ...]
    equals: tuple[int, ...]
    is_chat: bool
    has_pictures: bool


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row that was gone through: it was compared, or has a ``problem`` and no ``facts``."""

    row: int
    facts: RowFacts | None = None
    comparisons: tuple[Comparison, ...] = ()
    problem: Unjudged | None = None

    @property
    def failures(self) -> list[Unjudged]:
        """All that stayed without a verdict."""
        return [self.problem] if self.problem else failures(self.comparisons)

    def to_line(self) -> str:
        fields = {
            "row": self.row,
            "problem": None if self.problem is None else outcome_fields(self.problem),
            "facts": None if self.facts is None else asdict(self.facts),
            "comparisons": [
                {
                    "match": each.match,
                    "order": each.order,
                    "outcome": outcome_fields(each.outcome),
                }
                for each in self.comparisons
            ],
        }
        return json.dumps(fields, separators=(",", ":"))


@dataclass(slots=True)
class SeenForms:
    """What forms the rows of a table have: whether any is of chat messages, and whether any has
    pictures.
    """

    is_chat: bool = False
    has_pictures: bool = False

    def add(self, record: RowRecord) -> None:
        if record.facts is not None:
            self.is_chat |= record.facts.is_chat
            self.has_pictures |= record.facts.has_pictures

    @property
    def as_chat(self) -> bool:
        """Whether all rows are to be chat messages: TRL puts pictures into these alone."""
        return self.is_chat or self.has_pictures


def read_record(line: str) -> RowRecord:
    """The record that :meth:`RowRecord.to_line` wrote.

    Raises:
        RequestError: the line holds none.
    """
    try:
        fields = json.loads(line)
        problem, facts = fields["problem"], fields["facts"]
        return RowRecord(
            fields["row"],
            None if facts is None else _facts(facts),
            tuple(
                Comparison(each["match"], tuple(each["order"]), outcome_of(each["outcome"]))
                for each in fields["comparisons"]
            ),
            None if problem is None else _problem(outcome_of(problem)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"not the record of a row: {line[:80]!r} ({error!r})") from error


def facts_of(columns: Mapping[str, Any], row: Row) -> RowFacts:
    """The facts of a row's columns and of what :func:`judge.rows.read_row` reads in them."""
    texts = [each.text if each.molecule is None else each.molecule for each in row.candidates]
    single = (columns.get(name) for name in ("prompt", "completion", "chosen", "rejected"))
    return RowFacts(
        digest=sha256(json.dumps([row.prompt, texts]).encode()).hexdigest()[:16],
        lengths=tuple(len(text) for text in texts),
        equals=first_of_equals([(each.text, each.molecule) for each in row.candidates]),
        is_chat=any(map(is_messages, (*single, *(columns.get("completions") or ())))),
        has_pictures=bool(row.media),
    )


def unjudged_reasons(record: RowRecord) -> list[str]:
    """The reasons of all that stayed without a verdict, each once, in the order they came."""
    return list(dict.fromkeys(each.reason.value for each in record.failures))


def judge_words(record: RowRecord) -> tuple[list[str], list[bool]]:
    """All replies of the judge on a row, and of each whether it could be read."""
    replies = [
        reply for each in record.comparisons for reply in each.outcome.votes or (each.outcome,)
    ]
    return [each.reply for each in replies], [isinstance(each, Verdict) for each in replies]


def _problem(outcome: Outcome) -> Unjudged:
    if isinstance(outcome, Verdict):
        raise TypeError("a verdict is no problem")
    return outcome


def _facts(fields: Mapping[str, Any]) -> RowFacts:
    lengths, equals = tuple(fields["lengths"]), tuple(fields["equals"])
    return RowFacts(**{**fields, "lengths": lengths, "equals": equals})
