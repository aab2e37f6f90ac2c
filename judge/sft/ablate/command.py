"""``flex-judge sft-ablate``: what a judge's training data does to it, in miniature."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from judge.errors import RequestError
from judge.sft.ablate.settings import QUESTIONS, AblationPlan

_DESCRIPTION = """Trains judges of the nano family that differ in their training data alone, and
measures each on held-out captions of texts and of pictures, on molecules, and under attack.

questions:
  reasoning  reasoning first, or the answer at once
  pictures   text alone, or half of the rows about pictures
  size       0.25 to 4 times the rows, each seen once
  hardening  with and without hard negatives: what master keys and persuasion gain

Each judge is made from rows of `flex-judge curate` by what `flex-judge sft` runs, in a process of
its own. Killed and run again, it goes on where it was. Writes table.md, results.json and plot.png,
and ends with one JSON line."""
_EXAMPLES = """examples:
  flex-judge sft-ablate --out runs/ablate
  flex-judge sft-ablate --out runs/ablate --only reasoning --only size --seeds 3
"""


def add_ablate_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the subcommand to those of ``flex-judge``."""
    plan = AblationPlan()
    parser = commands.add_parser(
        "sft-ablate",
        help="measure what a judge's training data does to it, on the nano family",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of all that comes out")
    parser.add_argument(
        "--only",
        action="append",
        choices=QUESTIONS,
        help="this question alone (may be given many times; default: all)",
    )
    parser.add_argument(
        "--base", default=plan.base, help=f"what judges are made from (default: {plan.base})"
    )
    parser.add_argument(
        "--rows", type=int, default=plan.rows, help=f"training rows of size 1× ({plan.rows})"
    )
    parser.add_argument(
        "--batch-size", type=int, default=plan.batch_size, help=f"rows a step ({plan.batch_size})"
    )
    parser.add_argument(
        "--samples", type=int, default=plan.samples, help=f"samples of each kind ({plan.samples})"
    )
    parser.add_argument(
        "--attacked",
        type=int,
        default=plan.attacked,
        help=f"weak captions under each attack ({plan.attacked})",
    )
    parser.add_argument(
        "--seeds", type=int, default=1, help="runs of each setting, on other rows each (default: 1)"
    )
    parser.add_argument(
        "--engine",
        choices=("vllm", "transformers"),
        default=plan.engine,
        help=f"what runs the judges that are measured (default: {plan.engine})",
    )
    parser.set_defaults(run=_ablate)


def _ablate(args: argparse.Namespace) -> int:
    from judge.sft.ablate.ablation import run_all
    from judge.sft.ablate.plot import PLOT, plot
    from judge.sft.ablate.report import summarise, write_report

    counts = (args.rows, args.batch_size, args.samples, args.attacked, args.seeds)
    if min(counts) < 1:
        raise RequestError(
            "--rows, --batch-size, --samples, --attacked and --seeds have to be at least 1"
        )
    plan = AblationPlan(
        base=args.base,
        rows=args.rows,
        batch_size=args.batch_size,
        samples=args.samples,
        attacked=args.attacked,
        engine=args.engine,
    )
    started = time.monotonic()
    results = run_all(plan, tuple(args.only or QUESTIONS), args.seeds, args.out)
    print(write_report(results, plan, args.out))
    plot(results, args.out / PLOT)
    print(
        json.dumps(
            {
                "out": str(args.out),
                "runs": len(results),
                "seconds": round(time.monotonic() - started),
                **summarise(results),
            }
        )
    )
    return 0
