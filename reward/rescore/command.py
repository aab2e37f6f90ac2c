"""``flex-reward rescore``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from judge.rows import PROTOCOL_NAMES
from reward.offline.forms import check_texts
from reward.offline.options import (
    COLUMNS,
    GOING_ON,
    INTERRUPTED,
    add_job_options,
    both_orders,
    make_job,
    make_judge_factory,
    make_runner,
    run_command,
)
from reward.offline.schemes import default_protocol, make_scheme
from reward.rescore.compare import table
from reward.rescore.rescore import RescorePlan, rescore

_CANDIDATES = """  completion | completions | chosen, rejected | molecule | molecules
                               what was judged before
  judgement                    as flex-judge score and flex-reward store export write it
  chosen_score, rejected_score or these, as flex-reward label writes them; with chosen and rejected
                               alone, the first counts as the better one"""
_EPILOG = f"""examples:
  flex-reward rescore --input runs/pairs/train.parquet --out runs/again --rubric helpfulness \\
      --judge ./my-judge
  flex-judge score --rubric captioning --input rows.jsonl --output scored.jsonl
  flex-reward rescore --input scored.jsonl --out runs/again --rubric ./stricter.toml
  flex-reward store export --store verdicts.db --run grpo-7 --output grpo-7.parquet
  flex-reward rescore --input grpo-7.parquet --out runs/again --rubric helpfulness \\
      --judge jongwooko/Flex-VL-7B

{COLUMNS.format(candidates=_CANDIDATES)}
OUT then holds rescored.parquet, with the scores before and now of every row; unjudged.jsonl;
report.json: agreement, reversed preferences and rank correlation; and before_after.png.

{GOING_ON}
All of it is explained in docs/labelling.md.
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status.

    Raises:
        JudgeError: it cannot be run as told.
    """
    args = make_parser().parse_args(argv)
    make_judge = make_judge_factory(args)
    protocol = args.protocol or default_protocol(make_judge())
    scheme = make_scheme(protocol, both_orders=both_orders(args))
    plan = RescorePlan(make_job(args, scheme, check_texts), args.before_column, args.format)
    run = make_runner(args)
    sums = run_command(
        lambda: rescore(plan, make_judge, retry_unjudged=args.retry_unjudged, run=run), args.out
    )
    if sums is None:
        return INTERRUPTED
    figures = sums.to_json()
    print(table(figures))
    print(json.dumps({"out": str(args.out), **figures}))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward rescore",
        description="Judges stored rollouts or a preference set again, by another judge or rubric, "
        "and compares: agreement, reversed preferences, rank correlation.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOL_NAMES,
        help="for rows of several candidates; one alone is judged pointwise (default: pairwise "
        "where the judge knows it, else pointwise)",
    )
    parser.add_argument(
        "--before-column",
        metavar="NAME",
        help="column with the earlier score, or a list with one for each candidate",
    )
    add_job_options(parser)
    return parser
