"""``flex-judge curate``: from raw pairs to training data for a judge."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from judge.errors import EngineError, RequestError
from judge.judge import Judge
from judge.options import add_judge_options, decoding_options, engine_options
from judge.rubrics import RUBRICS
from judge.sft.curate.plan import Agreement, CuratePlan
from judge.sft.curate.source import Columns

_DESCRIPTION = """Makes training data for a judge, as Flex-Judge's was made: a teacher judges pairs
of answers, its reasoning is kept where its scores agree with the reference's, a part is cut to one
answer, long reasoning of many formats is chosen, and the scale is halved for a part of the rows.
Writes train.jsonl, validation.jsonl, README.md (a dataset card), funnel.json (what each step
dropped, and why) and lengths.png into --out."""

_HELP = """a row of --input has the columns (JudgeLM-100K's; other names by the options above):
  question_body                what was asked
  answer1_body, answer2_body   two answers    (or: answer1_molecule, answer2_molecule, as SMILES)
  score                        the reference's two scores: a list, or a text such as "7 3"
  question_id, rubric          the row's name; what to rate by, instead of --rubric (optional)

examples:
  flex-judge curate --input pairs.jsonl --out runs/data --teacher my/JudgeLRM-7B
  flex-judge curate --input BAAI/JudgeLM-100K:train --out runs/data --teacher runs/teacher \\
      --engine openai --engine-arg url=http://host:8000/v1 --tokenizer Qwen/Qwen2.5-VL-7B-Instruct
  flex-judge curate --input pairs.jsonl --out runs/try --teacher runs/teacher --limit 200 \\
      --agree order --singles 20 --single-min-tokens 50 --pairs 0
  flex-judge curate --input pairs.jsonl --out runs/data --teacher runs/teacher \\
      --hard-negatives 0.1 --resume

The teacher's replies stand in OUT/teacher.jsonl. Killed and run again with --resume, the command
goes on behind the last of them and ends with the same files. With --resume, sizes, thresholds and
shares may change too: the teacher is not asked again. All of it is explained in docs/training.md.
"""

_TEACHER_TEMPERATURE = 0.1
_NOT_HERE = ("votes", "vote", "both_orders", "reasks", "soft")
"""Fields of decoding that mean nothing here: replies are taken one by one, seed by seed."""


def add_curate_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the subcommand to those of ``flex-judge``."""
    curate = commands.add_parser(
        "curate",
        help="make training data for a judge from pairs of answers with scores",
        description=_DESCRIPTION,
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    curate.add_argument(
        "--input",
        required=True,
        metavar="FILE|FOLDER|NAME",
        help="raw pairs: a .jsonl or .parquet file, the folder of a Hugging Face dataset, or its "
        "name on the hub; a split may follow, as in owner/name:train",
    )
    curate.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where the data go"
    )
    curate.add_argument("--resume", action="store_true", help="go on with what --out holds")
    curate.add_argument(
        "--concurrency", type=int, default=64, help="pairs judged at once (default: 64)"
    )
    _add_source_options(curate)
    _add_filter_options(curate)
    _add_set_options(curate)
    add_judge_options(curate, "--teacher", default=None)
    curate.set_defaults(run=_curate)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("source")
    group.add_argument("--limit", type=int, metavar="N", help="read so many rows at most")
    group.add_argument(
        "--rubric",
        default="helpfulness",
        metavar="NAME|PATH",
        help=f"what the teacher rates by, where a row does not say: {', '.join(RUBRICS)}, or a "
        ".toml file (default: helpfulness)",
    )
    for column in fields(Columns):
        group.add_argument(
            f"--{column.name}-column",
            default=column.default,
            metavar="NAME",
            help=f"column of the {_COLUMNS[column.name]}"
            + (f" (default: {column.default})" if column.default else ""),
        )


_COLUMNS = {
    "id": "row's name",
    "question": "question",
    "answer1": "first answer",
    "answer2": "second answer",
    "molecule1": "first answer, as SMILES",
    "molecule2": "second answer, as SMILES",
    "score": "reference's scores",
    "rubric": "row's own rubric",
    "reference": "known good answer, if there is one",
}


def _add_filter_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is kept")
    group.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="replies to a pair at most, each with a seed of its own, until one agrees; at "
        "--temperature 0 one (default: 3, at temperature 0.1)",
    )
    group.add_argument(
        "--agree",
        choices=get_args(Agreement),
        default="exact",
        help="with the reference: both scores, or the preferred answer alone (default: exact)",
    )
    _add_number(group, "--singles", 500, "rows about one answer, cut from a pair's reasoning")
    _add_number(group, "--single-min-tokens", 375, "least reasoning of those, in tokens")
    _add_number(group, "--pairs", 500, "rows about two answers, the longest ones")
    _add_number(group, "--pair-min-tokens", 750, "least reasoning of those, in tokens")
    group.add_argument(
        "--tokenizer",
        metavar="PATH|HUB_ID",
        help="what counts tokens (default: none; they are estimated, as words × 4/3)",
    )
    group.add_argument(
        "--diversity",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="deal the places out over formats (headings, lists, paragraphs) and verdicts "
        "(default: yes)",
    )


def _add_set_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the set that is made")
    group.add_argument(
        "--profile",
        default="default",
        metavar="NAME|PATH",
        help="whose prompts the rows are written in: a profile that ships, or a judge.toml "
        "(default: default)",
    )
    shares = {
        "--halve-share": (0.5, "of the rows on half the scale, e.g. 1 to 5"),
        "--validation-share": (0.05, "of the questions kept for validation.jsonl"),
        "--hard-negatives": (0.0, "so many rows more, in proportion, whose answer says nothing"),
    }
    for flag, (default, text) in shares.items():
        group.add_argument(
            flag,
            type=float,
            default=default,
            metavar="SHARE",
            help=f"{text} (default: {default:g})",
        )
    _add_number(group, "--seed", 0, "decides all that is random here")


def _add_number(group: argparse._ArgumentGroup, flag: str, default: int, text: str) -> None:
    group.add_argument(
        flag, type=int, default=default, metavar="N", help=f"{text} (default: {default})"
    )


def _curate(args: argparse.Namespace) -> int:
    from judge.sft.curate.curate import curate

    plan = make_plan(args)
    judge = Judge.from_folder(args.judge, decoding=_decoding(args), **engine_options(args))

    async def run() -> int:
        try:
            report = await curate(
                judge, plan, args.out, resume=args.resume, concurrency=args.concurrency
            )
        except (asyncio.CancelledError, EngineError):
            print(
                f"\nstopped; {args.out} holds the replies so far: go on with --resume",
                file=sys.stderr,
            )
            raise
        finally:
            await judge.close()
        print(report.funnel.table())
        about = {"out": str(args.out), "teacher": judge.fingerprint}
        print(json.dumps({**about, **report.to_json()}))
        return 0

    return asyncio.run(run())


def make_plan(args: argparse.Namespace) -> CuratePlan:
    """The plan of a parsed command line.

    Raises:
        RequestError: a size or a share out of its range.
    """
    columns = {each.name: getattr(args, f"{each.name}_column") for each in fields(Columns)}
    same = {each.name for each in fields(CuratePlan)} - {"source", "columns"}
    values = {name: getattr(args, name) for name in same}
    return CuratePlan(source=args.input, columns=Columns(**columns), **values)


def _decoding(args: argparse.Namespace) -> dict[str, Any]:
    given = decoding_options(args)
    wrong = [f"--{name.replace('_', '-')}" for name in _NOT_HERE if name in given]
    if wrong:
        raise RequestError(
            f"{', '.join(wrong)}: a teacher's replies are taken one by one, and the first that "
            "agrees is kept; give --seeds"
        )
    once: dict[str, Any] = {"votes": 1, "both_orders": False, "reasks": 0, "soft": False}
    return {"temperature": _TEACHER_TEMPERATURE, **once, **given}
