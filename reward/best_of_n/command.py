"""``flex-reward best-of-n``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import get_args

from judge.errors import RequestError
from reward.best_of_n.best_of_n import BestOfNPlan, best_of_n
from reward.best_of_n.knockout import Knockout
from reward.best_of_n.ties import TieBreak, TieRule
from reward.best_of_n.truth import Truth, column_truth, import_scorer, scored_truth
from reward.offline.forms import check_texts
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
from reward.offline.schemes import Scheme, make_scheme

_CANDIDATES = """  completions | molecules      the candidates: a list of texts, chat messages, or
                               SMILES (not with --policy)"""
_EPILOG = f"""examples:
  flex-reward best-of-n --input rows.jsonl --out runs/best --rubric helpfulness \\
      --judge jongwooko/Flex-VL-7B --by knockout
  flex-reward best-of-n --input prompts.parquet --out runs/best --rubric captioning --soft \\
      --policy Qwen/Qwen2.5-VL-7B-Instruct --samples 16 --judge jongwooko/Flex-VL-7B
  flex-reward best-of-n --input rows.jsonl --out runs/best --rubric molecule --votes 5 \\
      --temperature 0.7 --truth-column true_scores

{COLUMNS.format(candidates=_CANDIDATES)}
by:
  pointwise  each candidate alone: the highest score, of several votes (--votes) or soft (--soft)
  knockout   two by two, in both orders; winners go on, so that N candidates take N - 1 meetings
  listwise   all of them (26 at most) in one list, in both orders: the highest mean score

OUT then holds chosen.parquet, with the chosen completion of each prompt; unjudged.jsonl;
report.json; and, with --truth-column or --scorer, curve.png: the true score of the judge's choice
by N, beside a random choice, the text that most candidates share, the longest, and the best one.

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
    ties = TieBreak(args.ties, args.tie_seed)
    plan = BestOfNPlan(
        job=make_job(args, _scheme(args, ties), check_texts),
        truth=_truth(args),
        seeds=args.seeds,
        ties=ties,
        kind=args.format,
    )
    run = make_runner(args)
    report = run_command(
        lambda: best_of_n(plan, make_judge, retry_unjudged=args.retry_unjudged, run=run), args.out
    )
    if report is None:
        return INTERRUPTED
    print(report.table())
    print(json.dumps({"out": str(args.out), **report.to_json()}))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward best-of-n",
        description="Chooses the best of each prompt's candidates, and tells what choosing brings.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("choice")
    group.add_argument(
        "--by",
        choices=("pointwise", "knockout", "listwise"),
        default="pointwise",
        help="how candidates are judged, see below (default: pointwise)",
    )
    group.add_argument(
        "--ties",
        choices=get_args(TieRule),
        default="random",
        help="which of several equally good ones is taken: one drawn by --tie-seed, the first in "
        "the row, or the shortest (default: random)",
    )
    group.add_argument("--tie-seed", type=int, default=0, metavar="N", help="(default: 0)")
    group.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="draws of which candidates are the first N, for the curve; a knockout is played once "
        "for each (default: 3)",
    )
    group.add_argument(
        "--truth-column",
        metavar="NAME",
        help="column with a true score for each candidate, to measure the choice by",
    )
    group.add_argument(
        "--scorer",
        metavar="MODULE:FUNCTION",
        help="or a function from a row (dict) and a candidate (text) to its true score",
    )
    add_policy_options(parser, samples=16, temperatures=(1.0,))
    add_job_options(parser)
    return parser


def _scheme(args: argparse.Namespace, ties: TieBreak) -> Scheme:
    if args.by == "knockout":
        return Knockout(args.seeds, both_orders(args), ties=ties)
    return make_scheme(args.by, both_orders=both_orders(args))


def _truth(args: argparse.Namespace) -> Truth | None:
    if args.truth_column and args.scorer:
        raise RequestError("give --truth-column or --scorer, not both")
    if args.truth_column:
        return column_truth(args.truth_column)
    return scored_truth(import_scorer(args.scorer), args.scorer) if args.scorer else None
