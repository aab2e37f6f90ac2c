"""An engine that writes down what it begins and what it ends, in a file that outlives its process.

``python -m tests.reward.client.journal_engine FOLDER serve …`` is ``flex-reward serve`` with it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from judge import Completion, Decoding, Judge, Prompt
from judge.engines.scripted import prompt_text
from tests.reward.harness import TestEngine, make_judge

SLOW_S = 2.0


class JournalEngine(TestEngine):
    """As its parent; ``slow`` in a candidate takes a while."""

    def __init__(self, journal: Path) -> None:
        super().__init__()
        self._journal = journal

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        named = re.search(r"sample-\w+", prompt_text(prompt))
        if named is None:  # the warm-up
            return await super().generate(prompt, decoding)
        self._note("begun", named[0])
        if "slow" in named[0]:
            await asyncio.sleep(SLOW_S)
        completion = await super().generate(prompt, decoding)
        self._note("ended", named[0])
        return completion

    def _note(self, what: str, sample: str) -> None:
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{what} {sample}\n")


def main(folder: Path, arguments: list[str]) -> int:
    def load(name: str, **options: Any) -> Judge:
        return make_judge(folder / "judge", JournalEngine(folder / "journal"))

    Judge.from_folder = load  # type: ignore[method-assign, assignment]
    from reward.cli import main as command

    return command(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
