"""``flex-judge score``: one request from the command line, or a whole table of rows."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from judge.errors import EngineError, RequestError
from judge.judge import Judge
from judge.options import add_judge_options, decoding_options, engine_options
from judge.rows import PROTOCOL_NAMES, request_from_row
from judge.rubrics import RUBRICS, load_rubric
from judge.scoring import ScoreReport, score_file
from judge.show import show_outcome
from judge.types import JudgeRequest
from judge.verdicts import Verdict

_HELP = """protocols:
  pointwise  one candidate, one score                  (the default for one candidate)
  pairwise   two candidates, a score each              (the default for two)
  listwise   two to 26 candidates, a score each        (the default for more)
  choice     two candidates, one of the rubric's options such as A>B

examples:
  flex-judge score --rubric captioning --image cat.png --candidate "a cat on a mat."
  flex-judge score --rubric captioning --image cat.png --both-orders \\
      --candidate "a cat on a mat." --candidate "a dog." --judge jongwooko/Flex-VL-7B
  flex-judge score --rubric helpfulness --question "What is 2 + 2?" --protocol choice \\
      --candidate 4 --candidate 5 --judge jongwooko/Flex-VL-7B
  flex-judge score --rubric helpfulness --question "What is 2 + 2?" --protocol listwise \\
      --candidate 4 --candidate 5 --candidate "It is 4." --judge jongwooko/Flex-VL-7B
  flex-judge score --rubric helpfulness --question "Draw a cat." \\
      --candidate-image a.png --candidate-image b.png --judge jongwooko/Flex-VL-7B
  flex-judge score --rubric molecule --question "Find a molecule with rings 1 to 2." \\
      --molecule c1ccccc1O --soft
  flex-judge score --rubric captioning --image cat.png --candidate "a cat." \\
      --votes 7 --vote median --temperature 0.7
  flex-judge score --rubric captioning --input rows.jsonl --output scored.jsonl --resume
  flex-judge score --rubric helpfulness --input owner/name:train --output scored.parquet

a row of --input has the columns:
  prompt                       text, or chat messages as TRL has them
  image, video, audio          path or data URI of what the prompt shows  (or: images, …: a list)
  completion                   one candidate: text or chat messages       (or: molecule, a SMILES)
  completions                  several: a list of them                    (or: molecules)
  chosen, rejected             two, in this order, as in preference datasets
  candidate_images             a picture, or a list of pictures, for each candidate
  reference                    a known good answer (optional)
  rubric, protocol             where --rubric, --protocol are not given

Each row comes out in its place with a "judgement" column: score, scores, best, choice, soft, votes,
flipped, reasks, reason (why there is no score), detail, reasoning, protocol, judge, rubric, usage.
JSON lines name pictures' bytes by their hash; Parquet keeps them. A Parquet file is written once
all rows are judged: until then (and for --resume) OUTPUT.journal.jsonl holds the judgements.
All of it is explained in docs/judging.md.
"""


def add_score_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser(
        "score",
        help="judge candidates: one request, or a file or dataset of them",
        description="Judges the candidates of one question and prints scores and reasoning, or "
        "judges every row of a JSONL file, a Parquet file or a Hugging Face dataset.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument(
        "--rubric",
        metavar="NAME|PATH",
        help=f"what to rate by: {', '.join(RUBRICS)}, or a .toml file of your own",
    )
    score.add_argument(
        "--protocol", choices=PROTOCOL_NAMES, help="how candidates are judged, see below"
    )
    one = score.add_argument_group("one request (options with a … may be given many times)")
    one.add_argument("--question", default="", help="what the candidates answer")
    _add_many(one, "--image", "PATH", "a picture that belongs to the question …")
    _add_many(one, "--video", "PATH", "a video that belongs to the question …")
    _add_many(one, "--audio", "PATH", "a recording that belongs to the question …")
    _add_many(one, "--candidate", "TEXT", "a text to judge …")
    _add_many(one, "--molecule", "SMILES", "a molecule to judge …")
    _add_many(one, "--candidate-image", "PATH", "a picture to judge …")
    one.add_argument("--reference", help="a known good answer")
    many = score.add_argument_group("many rows")
    many.add_argument(
        "--input",
        metavar="FILE|FOLDER|NAME",
        help="rows to judge: a .jsonl or .parquet file, the folder of a Hugging Face dataset, or "
        "its name on the hub; a split may follow, as in owner/name:train",
    )
    many.add_argument(
        "--output", type=Path, metavar="FILE", help="judged rows: .parquet, or JSON lines"
    )
    many.add_argument("--resume", action="store_true", help="go on with an unfinished --output")
    many.add_argument("--concurrency", type=int, default=64, help="rows in flight (default: 64)")
    add_judge_options(score)
    score.set_defaults(run=_score)


def _add_many(group: argparse._ArgumentGroup, flag: str, metavar: str, text: str) -> None:
    group.add_argument(flag, action="append", default=[], metavar=metavar, help=text)


def _score(args: argparse.Namespace) -> int:
    if args.input is None:
        request = _request(args)
        return asyncio.run(_judge_one(_judge(args), request))
    if args.candidate or args.molecule or args.candidate_image:
        raise RequestError("give either --input, or candidates of one question, not both")
    if args.output is None:
        raise RequestError("--input needs --output: the file that the judged rows go to")
    return asyncio.run(_judge_rows(_judge(args), args))


def _request(args: argparse.Namespace) -> JudgeRequest:
    if args.rubric is None:
        raise RequestError(f"--rubric is needed: one of {', '.join(RUBRICS)}, or a .toml file")
    if not (args.candidate or args.molecule or args.candidate_image):
        raise RequestError(
            "nothing to judge: give --candidate, --molecule or --candidate-image, or --input"
        )
    row = {
        "prompt": args.question,
        "images": args.image,
        "videos": args.video,
        "audios": args.audio,
        "completions": args.candidate or None,
        "molecules": args.molecule or None,
        "candidate_images": args.candidate_image or None,
        "reference": args.reference,
    }
    return request_from_row(row, load_rubric(args.rubric), args.protocol)


def _judge(args: argparse.Namespace) -> Judge:
    return Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))


async def _judge_one(judge: Judge, request: JudgeRequest) -> int:
    async with judge:
        outcome = await judge.judge(request)
    print(show_outcome(outcome, request))
    return 0 if isinstance(outcome, Verdict) else 1


async def _judge_rows(judge: Judge, args: argparse.Namespace) -> int:
    try:
        report = await score_file(
            judge,
            args.input,
            args.output,
            rubric=load_rubric(args.rubric) if args.rubric else None,
            protocol=args.protocol,
            resume=args.resume,
            concurrency=args.concurrency,
        )
    except (asyncio.CancelledError, EngineError):
        print(f"\nstopped; {args.output} is whole so far: go on with --resume", file=sys.stderr)
        raise
    finally:
        await judge.close()
    print(_summary(report))
    return 0


def _summary(report: ScoreReport) -> str:
    mean = "" if report.mean_score is None else f", mean score {report.mean_score:.2f}"
    flips = "" if report.flip_rate is None else f", preference flipped in {report.flip_rate:.1%}"
    return (
        f"{report.rows} rows, {report.resumed} of them from an earlier run; "
        f"judged now: {report.judged}{mean}{flips}; unjudged: {report.unjudged or 'none'}"
    )
