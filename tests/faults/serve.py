"""``flex-reward serve`` with an engine of the tests in place of vLLM.

python -m tests.faults.serve FOLDER DELAY_S [flags of flex-reward serve …]

``FOLDER`` gets the judge's folder and the journal of what was judged. While it holds a file
``clock``, ``time.time`` is off by as many seconds as that says.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path


def jumping(clock: Callable[[], float], offset: Path) -> Callable[[], float]:
    """The clock, off by what the file says."""

    def jumped() -> float:
        return clock() + (float(offset.read_text(encoding="utf-8")) if offset.exists() else 0.0)

    return jumped


def main() -> int:
    folder, delay, *flags = sys.argv[1:]
    # Before anything is imported that would hold on to the true one.
    time.time = jumping(time.time, Path(folder) / "clock")

    from judge import Judge
    from reward.cli import main as flex_reward
    from tests.faults.core_engine import CoreEngine
    from tests.reward.harness import make_judge

    def load(*_: object, **__: object) -> Judge:
        engine = CoreEngine(Path(folder) / "journal", delay=float(delay))
        return make_judge(Path(folder) / "judge", engine)

    Judge.from_folder = load  # type: ignore[assignment]  # the one fake: what runs the judge
    return flex_reward(["serve", *flags])


if __name__ == "__main__":
    sys.exit(main())
