"""A judge without weights that does what candidates say, and rows of such candidates."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from judge import Judge, JudgeFolder, Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.folder import builtin_profile
from judge.rubrics import Rubric, load_rubric
from reward.offline.forms import check_pairs
from reward.offline.jobs import JobPlan
from reward.offline.schemes import make_scheme

RUBRIC: Rubric = load_rubric("helpfulness")


def reply(prompt: Prompt) -> str:
    """A score for each ``score=N`` in the prompt; nothing readable where it says ``mute``, and the
    first candidate's two points more where it says ``lean``.
    """
    text = prompt_text(prompt)
    if "mute" in text:
        return "I would rather not say."
    scores = [int(each) for each in re.findall(r"score=(\d+)", text)]
    if "lean" in text:
        scores[0] += 2
    answers = "".join(f"<answer>{score}</answer>" for score in scores)
    return f"<think>\nAs they say.\n</think>\n{answers}".removeprefix(prompt.begun)


def scripted_judge(*, delay: float = 0.0, log: Path | None = None) -> Judge:
    """The judge; where there is a ``log``, it gets a line for each question that was answered."""

    def logged(prompt: Prompt) -> str:
        if log is not None and not prompt.begun:
            _append(log, hashlib.sha256(prompt_text(prompt).encode()).hexdigest())
        return reply(prompt)

    folder = JudgeFolder(builtin_profile("flex-vl"), weights="none")
    return Judge(folder, ScriptedEngine(logged, delay=delay, keep=0))


def ring_judge() -> Judge:
    """A judge of molecules that likes rings."""

    def liked(prompt: Prompt) -> str:
        score = 9 if "c1ccccc1" in prompt_text(prompt) else 4
        return f"<think>\nSo.\n</think>\n<answer>{score}</answer>"

    return Judge(scripted_judge().folder, ScriptedEngine(liked, keep=0))


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def scored_rows(count: int) -> list[dict[str, Any]]:
    """Rows of two candidates with all kinds of scores; every seventh holds one that is unreadable.

    The longer candidate is the better one in most of them.
    """
    return [
        {
            "id": f"row-{number}",
            "prompt": f"Question {number}?",
            "completions": [
                f"score={number % 9 + 1} of the first" + " and more" * (number % 9),
                f"score={number * 5 % 9 + 1}"
                + " and more" * (number * 5 % 9)
                + (" mute" if number % 7 == 6 else ""),
            ],
        }
        for number in range(count)
    ]


def plan_of(source: Path, out: Path, protocol: Any = "pairwise", **fields: Any) -> JobPlan:
    """A job on that table, in small shards."""
    scheme = fields.pop("scheme", None) or make_scheme(protocol, both_orders=True)
    defaults = {"rubric": RUBRIC, "check": check_pairs, "shard_rows": 4, "concurrency": 8}
    return JobPlan(str(source), out, scheme, **{**defaults, **fields})


def _append(log: Path, line: str) -> None:
    """In one write, so that lines of several processes do not mix and a kill leaves none half."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
