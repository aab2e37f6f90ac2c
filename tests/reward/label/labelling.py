"""A labelling run as a process, to be killed: python labelling.py TABLE OUT LOG [WORKERS]."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from reward.label.label import LabelPlan, label
from reward.offline.stages import run_stage
from tests.reward.offline.scripted import plan_of, scripted_judge

DELAY_S = 0.02


def main(table: str, out: str, log: str, workers: str = "") -> None:
    """Labels the table; the log gets a line for each question that the judge answered."""
    make_judge = partial(scripted_judge, delay=DELAY_S, log=Path(log))
    run = run_stage
    if workers:
        from reward.scale.labelling import RayCluster

        run = RayCluster(int(workers), cpus=0.5).run_stage
        make_judge = partial(_told_judge, make_judge, Path(log))
    plan = LabelPlan(plan_of(Path(table), Path(out)))
    asyncio.run(label(plan, make_judge, run=run))


def _told_judge(make_judge: partial, log: Path) -> object:
    """Tells which process it is made in."""
    log.with_name(f"{log.name}.pid-{os.getpid()}").touch()
    return make_judge()


if __name__ == "__main__":
    main(*sys.argv[1:])
