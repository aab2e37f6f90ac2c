"""Raw pairs with known scores, and a scripted teacher that judges most of them right."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from judge import Judge, open_judge
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.sft.curate.funnel import Funnel
from judge.sft.curate.plan import CuratePlan
from judge.sft.curate.source import Columns, RawPair, read_pairs
from judge.types import Prompt

LENGTHS = {"single_min_tokens": 10, "pair_min_tokens": 20}


def raw_row(number: int) -> dict[str, Any]:
    """Row ``number``: its scores follow from it, and from its texts the teacher knows it."""
    return {
        "question_id": number,
        "question_body": f"What is number {number} about, and why?",
        "answer1_body": f"It is about topic {number}.",
        "answer2_body": f"Nobody can say for number {number}!",
        "score": list(scores(number)),
    }


def scores(number: int) -> tuple[int, int]:
    return number % 10 + 1, number * 7 % 10 + 1


def raw_pairs(count: int) -> list[dict[str, Any]]:
    return [raw_row(number) for number in range(1, count + 1)]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def pairs_of(path: Path, rows: list[dict[str, Any]], rubric: str = "helpfulness") -> list[RawPair]:
    return read_pairs(write_jsonl(path, rows), Columns(), rubric, None, Funnel())


def reasoning(number: int) -> str:
    """Of one of three formats, the longer the higher the number."""
    words = " ".join(["indeed"] * number)
    parts = (f"It says what topic {number} is, {words}.", f"It gives up, {words}.")
    if number % 3 == 0:
        return "### Assistant 1\n{}\n\n### Assistant 2\n{}".format(*parts)
    if number % 3 == 1:
        return "The question asks for a topic.\n- Assistant 1: {}\n- Assistant 2: {}".format(*parts)
    return "Assistant 1 tries. {} Assistant 2 does not. {}".format(*parts)


class Teacher:
    """The script: what is asked decides the reply, and how often it was asked before.

    Of seven pairs one is misjudged, one gets no answer, and one is right at the second try.
    """

    def __init__(self) -> None:
        self._asked: Counter[int] = Counter()

    def __call__(self, prompt: Prompt) -> str:
        found = re.search(r"number (\d+) about", prompt_text(prompt))
        assert found is not None
        number = int(found[1])
        self._asked[number] += not prompt.begun
        first, second = scores(number)
        if number % 7 == 0 or (number % 7 == 2 and self._asked[number] == 1):
            first = first % 10 + 1
        answers = f"<answer>{first}</answer><answer>{second}</answer>"
        if number % 7 == 1:
            answers = "I cannot say."
        return f"<think>\n{reasoning(number)}\n</think>\n{answers}".removeprefix(prompt.begun)


def teacher(folder: Path, **decoding: object) -> tuple[Judge, ScriptedEngine]:
    engine = ScriptedEngine(Teacher(), delay=0.0005)
    return Judge(open_judge(folder, **{"temperature": 0.1, **decoding}), engine), engine


def plan(source: str, **values: Any) -> CuratePlan:
    """A plan whose thresholds the teacher's short reasoning reaches."""
    return CuratePlan(source, **{**LENGTHS, "singles": 20, "pairs": 20, **values})
