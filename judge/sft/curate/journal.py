"""The teacher's replies on disk, pair by pair, so that a killed run can go on.

The first line tells which run they are of; behind it stands one line a pair, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from judge.errors import RequestError

_KEY = "teacher_run"


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """One reply to a pair: its ``scores`` and ``reasoning``; or, with ``scores`` None, the
    ``reason`` why it is of no use, and ``detail`` in words.
    """

    seed: int
    scores: tuple[float, float] | None = None
    reasoning: str = ""
    reason: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


Answers = tuple[TeacherReply, ...]
"""The replies to one pair, in the order of their seeds; where one agreed, it is the last."""


def begin_journal(path: Path, run: Mapping[str, Any], *, resume: bool) -> int:
    """Makes the journal of a run, or cuts a line that a kill left half written.

    Returns the number of pairs that are answered in it.

    Raises:
        RequestError: it exists and ``resume`` is off, or it is of another run.
    """
    header = (json.dumps({_KEY: dict(run)}) + "\n").encode()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(header)
        return 0
    if not resume:
        raise RequestError(f"{path} exists; go on with it by --resume, or give another --out")
    with path.open("r+b") as file:
        first = file.readline()
        if first != header:
            if not header.startswith(first):
                raise RequestError(_other_run(path, first, run))
            file.seek(0)
            file.write(header)
            return 0
        answered, end = 0, len(header)
        for line in file:
            if line.endswith(b"\n"):
                answered, end = answered + 1, end + len(line)
        file.truncate(end)
    return answered


def write_answers(pair: str, answers: Answers) -> str:
    """The line of a pair."""
    return json.dumps({"pair": pair, "replies": [each.to_json() for each in answers]}) + "\n"


def read_answers(path: Path) -> Iterator[Answers]:
    """The replies to each pair, in the order of the pairs."""
    with path.open(encoding="utf-8") as lines:
        for line in islice(lines, 1, None):
            yield tuple(
                TeacherReply(**{**reply, "scores": _pair(reply.get("scores"))})
                for reply in json.loads(line)["replies"]
            )


def _pair(scores: list[float] | None) -> tuple[float, float] | None:
    return None if scores is None else (scores[0], scores[1])


def _other_run(path: Path, first: bytes, run: Mapping[str, Any]) -> str:
    try:
        made_by = dict(json.loads(first)[_KEY])
    except (ValueError, KeyError, TypeError):
        return f"{path} holds no teacher's replies; give another --out"
    differing = [name for name in run if made_by.get(name) != run[name]]
    told = ", ".join(f"{name} {made_by.get(name)!r} (now {run[name]!r})" for name in differing)
    return (
        f"{path} is of another run, its {told}; give what made it, or another --out. "
        "Only options of what follows the teacher may change: sizes, thresholds, shares, profile"
    )
