"""nano-molgen from nothing: ``python -m rl_recipes.molecules.build``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from judge.errors import JudgeError
from judge.sft.train.checkpoints import claim_folder
from rl_recipes.molecules.pretrain import PretrainPlan, pretrain

_CARD = Path(__file__).parent / "model_card.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        build(PretrainPlan(steps=arguments.steps, seed=arguments.seed), arguments.out)
    except JudgeError as error:
        print(f"build: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbuild: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    print(f"nano-molgen is in {arguments.out}")
    return 0


def build(plan: PretrainPlan, out: Path) -> None:
    """Pre-trains the generator into ``out``, whole or not at all; its checkpoints are beside it,
    in ``OUT.work``, from which a stopped build goes on.

    Raises:
        RequestError: the checkpoints are of another plan.
    """
    work = out.with_name(f"{out.name}.work")
    claim_folder(work, asdict(plan))
    unfinished = work / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    pretrain(plan, work, unfinished)
    shutil.copyfile(_CARD, unfinished / "README.md")
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(unfinished, out)


def _parser() -> argparse.ArgumentParser:
    plan = PretrainPlan()
    parser = argparse.ArgumentParser(
        prog="python -m rl_recipes.molecules.build",
        description="Pre-trains the embedded molecule generator on the molecules inside the rdkit "
        "wheel, from random weights: minutes on two cores. Stopped and run again, it goes on from "
        "its last checkpoint.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/nano-molgen"), help="where the checkpoint goes"
    )
    parser.add_argument("--steps", type=int, default=plan.steps, help="of 64 rows each")
    parser.add_argument("--seed", type=int, default=plan.seed, help="of weights and rows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
