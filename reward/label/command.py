"""``flex-reward label``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import get_args

from judge.judge import Judge
from judge.rows import PROTOCOL_NAMES
from reward.label.hub import push_to_hub
from reward.label.label import LabelPlan, LabelReport, label
from reward.label.pairs import PairRules, PairsOf
from reward.offline.forms import check_pairs
from reward.offline.options import (
    COLUMNS,
    GOING_ON,
    INTERRUPTED,
    add_job_options,
    add_policy_options,
    both_orders,
    make_job,
    make_judge_factory,
    make_runner,
    run_command,
)
from reward.offline.schemes import default_protocol, make_scheme

TOO_FEW_JUDGED = 3
"""Exit status where less than ``--min-judged`` of the rows were judged."""
_CANDIDATES = """  completions | molecules      two candidates or more: a list of texts, chat
                               messages, or SMILES
  chosen, rejected             or two, to be judged anew
                               (none of these with --policy)"""
_EPILOG = f"""examples:
  flex-reward label --input rows.jsonl --out runs/pairs --rubric helpfulness \\
      --judge jongwooko/Flex-VL-7B
  flex-reward label --input owner/prompts:train --out runs/pairs --rubric captioning \\
      --policy Qwen/Qwen2.5-VL-7B-Instruct --samples 4 --policy-temperature 0.8 1.2 \\
      --pairs all --min-margin 2 --length-balanced --judge jongwooko/Flex-VL-7B
  flex-reward label --input rows.parquet --out runs/pairs --rubric molecule --protocol pointwise \\
      --votes 5 --temperature 0.7 --format jsonl
  flex-reward label --input rows.parquet --out /shared/pairs --rubric helpfulness --ray 8 \\
      --worker-gpus 1 --store postgresql://judge@db.internal/verdicts

{COLUMNS.format(candidates=_CANDIDATES)}
OUT then holds train.parquet (or train.jsonl, or train/), which DPOTrainer takes as it is;
unjudged.jsonl, the rows without a verdict and why; README.md, the dataset's card with its funnel
and bias report; report.json and scores.png; and, to go on with, job.json, work/ and verdicts.db.

{GOING_ON}
exit status: 0; 1 after an error; {TOO_FEW_JUDGED} where less than --min-judged of the rows were
judged (everything is written all the same, and nothing put on the hub); {INTERRUPTED} after Ctrl-C.
All of it is explained in docs/labelling.md.
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status.

    Raises:
        JudgeError: it cannot be run as told.
    """
    args = make_parser().parse_args(argv)
    make_judge = make_judge_factory(args)
    plan = make_plan(args, make_judge())
    run = make_runner(args)
    report = run_command(
        lambda: label(plan, make_judge, retry_unjudged=args.retry_unjudged, run=run), args.out
    )
    if report is None:
        return INTERRUPTED
    print(_words(report))
    if args.push_to_hub and report.is_enough:
        address = push_to_hub(args.out, args.push_to_hub, private=not args.public)
        print(f"put on the hub: {address}")
    print(json.dumps({"out": str(args.out), **report.tally.to_json()}))
    if not report.is_enough:
        withheld = ", so it was not put on the hub" if args.push_to_hub else ""
        print(
            f"flex-reward: only {report.tally.judged_share:.1%} of the rows were judged, less than "
            f"--min-judged {plan.min_judged:.0%}{withheld}; see {args.out}/unjudged.jsonl, and try "
            "these again alone by --retry-unjudged",
            file=sys.stderr,
        )
        return TOO_FEW_JUDGED
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward label",
        description="Makes a preference dataset in TRL's format: the candidates of each prompt are "
        "judged against each other, in both orders, and those pairs are kept between which the "
        "judge is clear.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pairs = parser.add_argument_group("pairs")
    pairs.add_argument(
        "--protocol",
        choices=PROTOCOL_NAMES,
        help="how candidates are judged: every two (pairwise, choice), all in one list, or each "
        "alone (default: pairwise where the judge knows it, else pointwise)",
    )
    pairs.add_argument(
        "--pairs",
        choices=get_args(PairsOf),
        default="best-worst",
        help="of each row: its best candidate against its worst, or every two "
        "(default: best-worst)",
    )
    pairs.add_argument(
        "--min-margin",
        type=float,
        default=0.0,
        metavar="POINTS",
        help="least difference of the two scores, on the rubric's scale; ties are never kept "
        "(default: 0)",
    )
    pairs.add_argument(
        "--consistent-only",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out pairs whose preference changes with the order (default: yes)",
    )
    pairs.add_argument(
        "--length-balanced",
        action="store_true",
        help="leave out pairs until the longer candidate is chosen as often as the shorter",
    )
    pairs.add_argument(
        "--balance-seed", type=int, default=0, metavar="N", help="which are left out (default: 0)"
    )
    pairs.add_argument(
        "--min-judged",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="of the rows that have to be judged, in [0, 1] (default: 0.9)",
    )
    pairs.add_argument(
        "--raw",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the judge's replies in each row (default: yes)",
    )
    pairs.add_argument(
        "--push-to-hub",
        metavar="OWNER/NAME",
        help="put the dataset on the hub, if enough rows were judged",
    )
    pairs.add_argument("--public", action="store_true", help="for all to see, if it is new there")
    add_policy_options(parser, samples=2, temperatures=(0.8, 1.2))
    add_job_options(parser)
    return parser


def make_plan(args: argparse.Namespace, judge: Judge) -> LabelPlan:
    """The plan of a parsed command line.

    Raises:
        RequestError: a number out of its range.
    """
    protocol = args.protocol or default_protocol(judge)
    return LabelPlan(
        job=make_job(args, make_scheme(protocol, both_orders=both_orders(args)), check_pairs),
        rules=PairRules(args.pairs, args.min_margin, args.consistent_only),
        length_balanced=args.length_balanced,
        min_judged=args.min_judged,
        kind=args.format,
        with_raw=args.raw,
        seed=args.balance_seed,
    )


def _words(report: LabelReport) -> str:
    tally = report.tally
    left = ", ".join(f"{count} {name}" for name, count in sorted(tally.dropped.items()))
    return (
        f"{tally.kept} pairs of {tally.rows} rows in {report.data} (left out: {left or 'none'}); "
        f"{tally.judged_share:.1%} of the rows judged"
    )
