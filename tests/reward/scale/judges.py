"""A judge that Ray's processes import: it says which process judged."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from judge import Judge, Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server.config import ServerConfig
from tests.reward.harness import make_judge

DELAY_S = 0.3


def telling_judge(config: ServerConfig) -> Judge:
    """Its reasoning is the id of its process."""
    folder = Path(tempfile.mkdtemp(dir=config.engine_args["folder"]))
    return make_judge(folder, ScriptedEngine(_reply, delay=DELAY_S))


def _reply(prompt: Prompt) -> str:
    scores = re.findall(r"score=(\d+)", prompt_text(prompt)) or ["5"]
    tags = "".join(f"<answer>{score}</answer>" for score in scores)
    return f"<think>\n{os.getpid()}\n</think>\n{tags}".removeprefix(prompt.begun)
