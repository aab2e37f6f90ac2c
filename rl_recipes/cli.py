"""The console command ``flex-rl``.

Heavy packages load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from judge.errors import JudgeError
from rl_recipes.command import METHODS, Method, parse_run

_EXAMPLES = """examples:
  flex-rl demo                        align the embedded captioner, into runs/demo
  flex-rl demo --seed 1 --out runs/seed1 --fresh
  flex-rl grpo captioning-grpo-nano --output_dir runs/grpo
  flex-rl dpo captioning-dpo-nano --output_dir runs/dpo
  flex-rl grpo my.yaml --learning_rate 1e-6 --dry-run
  flex-rl evaluate my.yaml --eval_judge path/to/another-judge
  flex-rl grpo --help                 all options: the recipe's, and TRL's by TRL's names
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = _parser().parse_args(argv)
    # TRL warns of a vLLM newer than it knows; that one is run with it in tests.
    warnings.filterwarnings("ignore", message="TRL currently supports vLLM")
    run: Callable[[argparse.Namespace], int] = args.run
    signal.signal(signal.SIGTERM, _interrupt)  # so that what was started is stopped
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
    for method, text in METHODS.items():
        # The options are TRL's, which are slow to load, so that the command itself reads them.
        command = commands.add_parser(method, help=text, add_help=False, prefix_chars="\0")
        command.add_argument("options", nargs="*")
        command.set_defaults(run=partial(_run_recipe, method))
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
    demo.add_argument("--steps", type=_positive, help="GRPO steps")
    demo.add_argument("--seed", type=int, default=0, help="seed of data and sampling (default: 0)")
    demo.add_argument("--judge", default="nano", help="the judge to serve (default: nano)")
    again = demo.add_mutually_exclusive_group()
    again.add_argument("--fresh", action="store_true", help="remove an earlier run in --out first")
    again.add_argument("--resume", action="store_true", help="go on with the run in --out")
    demo.set_defaults(run=_demo)
    return parser


def _run_recipe(method: Method, args: argparse.Namespace) -> int:
    run, is_check = parse_run(method, args.options)
    if is_check:
        from rl_recipes.check import check

        checked = check(run)
        print(checked.text)
        return 0 if checked.is_ready else 2
    from rl_recipes.run import figures_table

    summary = {"grpo": run.grpo, "dpo": run.dpo, "evaluate": run.evaluate}[method]()
    if run.config.training.process_index == 0:
        print(f"\n{figures_table(summary)}\n\nsee {run.config.out}")
    return 0


def _demo(args: argparse.Namespace) -> int:
    from rl_recipes.captioning.demo import DemoPlan, run_demo, table

    fresh = True if args.fresh else False if args.resume else None
    summary = run_demo(DemoPlan(args.steps, args.seed, args.judge), args.out, fresh=fresh)
    print(f"\n{table(summary)}\n\nsee plot.png, samples.html and summary.json in {args.out}")
    return 0


def _interrupt(*signal_and_frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
