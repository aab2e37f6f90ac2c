"""A judge that gives each candidate the score that it names."""

from __future__ import annotations

import re
from pathlib import Path

from judge import Judge, Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server.warm_up import WARM_UP
from tests.reward.harness import make_judge


def comparing_judge(folder: Path) -> Judge:
    """By the default profile: pointwise, and two candidates side by side."""
    return make_judge(folder, ScriptedEngine(_reply))


def counting_judge(folder: Path) -> Judge:
    """Gives any candidate a score, by its different words."""
    return make_judge(folder, ScriptedEngine(_count))


def _count(prompt: Prompt) -> str:
    answer = prompt_text(prompt).rpartition("[Assistant's Answer]")[2]
    return f"<think>\ncounted\n</think>\n<answer>{1 + len(set(answer.split())) % 10}</answer>"


def _reply(prompt: Prompt) -> str:
    text = prompt_text(prompt)
    scores = re.findall(r"score=(\d+(?:\.\d+)?)", text)
    if WARM_UP in text or not scores:
        return "no score"
    answers = "".join(f"<answer>{each}</answer>" for each in scores)
    return f"<think>\nas told\n</think>\n{answers}"[len(prompt.begun) :]
