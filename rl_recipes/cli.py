"""The console command ``flex-rl``.

Heavy packages load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from judge.errors import JudgeError

_EXAMPLES = """examples:
  flex-rl demo                        align the embedded captioner, into runs/demo
  flex-rl demo --seed 1 --out runs/seed1 --fresh
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except JudgeError as error:
        print(f"flex-rl: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nflex-rl: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flex-rl",
        description="Aligns policies with a judge's reward.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="align the embedded captioner by GRPO and show what it learned",
        description="Serves the embedded judge, runs TRL's GRPO on the embedded captioner with "
        "only the judge's reward, and evaluates on held-out pictures before and after. An "
        "unfinished run in --out is gone on with; a finished one is started afresh.",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="results (default: runs/demo)"
    )
    demo.add_argument("--steps", type=int, help="GRPO steps")
    demo.add_argument("--seed", type=int, default=0, help="seed of data and sampling (default: 0)")
    demo.add_argument("--judge", default="nano", help="the judge to serve (default: nano)")
    again = demo.add_mutually_exclusive_group()
    again.add_argument("--fresh", action="store_true", help="remove an earlier run in --out first")
    again.add_argument("--resume", action="store_true", help="go on with the run in --out")
    demo.set_defaults(run=_demo)
    return parser


def _demo(args: argparse.Namespace) -> int:
    from rl_recipes.captioning.demo import DemoPlan, run_demo, table
    from rl_recipes.captioning.grpo import GrpoPlan

    grpo = GrpoPlan(seed=args.seed)
    if args.steps is not None:
        grpo = replace(grpo, steps=args.steps)
    fresh = True if args.fresh else False if args.resume else None
    summary = run_demo(DemoPlan(grpo=grpo, judge=args.judge), args.out, fresh=fresh)
    print(f"\n{table(summary)}\n\nsee plot.png, samples.html and summary.json in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
