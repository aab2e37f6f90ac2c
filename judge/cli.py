"""The console command ``flex-judge``.

Heavy packages load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from judge.errors import JudgeError, RequestError
from judge.options import add_judge_options, decoding_options, engine_options
from judge.rubrics import RUBRICS

_EXAMPLES = """examples:
  flex-judge score --judge nano --rubric captioning --image cat.png --candidate "a cat on a mat."
  flex-judge score --rubric molecule --question "Find a molecule with rings 1 to 2." \\
      --molecule c1ccccc1O
  flex-judge score --rubric captioning --input rows.jsonl --output scored.jsonl --resume
  flex-judge nano evaluate --samples 200
"""
_ROWS = """A row of --input is a JSON object with:
  prompt      text, or chat messages as TRL has them
  completion  the candidate: text or chat messages     (or: molecule, a SMILES string)
  image       path or data URI                         (or: images, a list of them)
  reference   a known good answer (optional)
  rubric      where --rubric is not given
Each row comes out with a "judgement" column: score (null where there is none), reason, reasoning.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except JudgeError as error:
        print(f"flex-judge: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nflex-judge: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flex-judge",
        description="A reasoning multimodal judge: gives a score and says why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_score(commands)
    _add_nano(commands)
    return parser


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser(
        "score",
        help="judge one candidate, or a JSONL file of them",
        description="Judges one candidate and prints score and reasoning, or a whole JSONL file.",
        epilog=_ROWS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument(
        "--rubric",
        metavar="NAME|PATH",
        help=f"what to rate by: {', '.join(RUBRICS)}, or a .toml file of your own",
    )
    one = score.add_argument_group("one candidate")
    one.add_argument("--question", default="", help="what the candidate answers")
    one.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="PATH",
        help="a picture (may be given many times)",
    )
    one.add_argument("--candidate", help="the text to judge")
    one.add_argument(
        "--molecule", metavar="SMILES", help="the molecule to judge, instead of a text"
    )
    one.add_argument("--reference", help="a known good answer")
    many = score.add_argument_group("many candidates")
    many.add_argument("--input", type=Path, metavar="JSONL", help="rows to judge, see below")
    many.add_argument("--output", type=Path, metavar="JSONL", help="where the judged rows go")
    many.add_argument("--resume", action="store_true", help="go on with an unfinished --output")
    many.add_argument("--concurrency", type=int, default=64, help="rows in flight (default: 64)")
    add_judge_options(score)
    score.set_defaults(run=_score)


def _add_nano(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    nano = commands.add_parser("nano", help="the embedded judge: build its weights, or evaluate it")
    actions = nano.add_subparsers(required=True, metavar="ACTION")
    build = actions.add_parser(
        "build",
        help="make the nano weights again from nothing",
        description="Pre-trains nano-base on the synthetic world, fine-tunes the judges and the "
        "captioner. "
        "Killed and run again, it goes on where it was.",
    )
    build.add_argument(
        "--out",
        type=Path,
        default=Path("runs/nano"),
        help="where the models go (default: runs/nano)",
    )
    build.add_argument(
        "--steps", type=int, help="only this many steps a stage: tries the way, makes no good model"
    )
    build.set_defaults(run=_build)
    evaluate = actions.add_parser(
        "evaluate",
        help="measure a judge against the synthetic world's exact scores",
        description="Judges held-out samples of three kinds (a caption of a scene in words, a "
        "caption of a picture, a molecule against a wish) and compares with the exact scores. "
        "Ends with one JSON line.",
    )
    evaluate.add_argument(
        "--samples", type=int, default=300, help="samples of each kind (default: 300)"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="which held-out samples (default: 0)")
    add_judge_options(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _score(args: argparse.Namespace) -> int:
    if args.input is not None:
        return _score_many(args)
    from judge.judge import Judge
    from judge.rows import request_from_row
    from judge.rubrics import load_rubric
    from judge.types import Verdict

    if args.rubric is None:
        raise RequestError(f"--rubric is needed: one of {', '.join(RUBRICS)}, or a .toml file")
    row = {
        "prompt": args.question,
        "images": args.image,
        "completion": args.candidate,
        "molecule": args.molecule,
        "reference": args.reference,
    }
    request = request_from_row(row, load_rubric(args.rubric))
    judge = Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))

    async def run() -> int:
        async with judge:
            outcome = await judge.judge(request)
        if isinstance(outcome, Verdict):
            low, high = outcome.scale
            print(f"score: {outcome.score:g} ({low:g} to {high:g})\n\n{outcome.reasoning}")
            return 0
        print(f"unjudged: {outcome.reason} ({outcome.detail})\n\n{outcome.reply}")
        return 1

    return asyncio.run(run())


def _score_many(args: argparse.Namespace) -> int:
    from judge.judge import Judge
    from judge.rubrics import load_rubric
    from judge.scoring import score_file

    if args.output is None:
        raise RequestError("--input needs --output: the file that the judged rows go to")
    rubric = load_rubric(args.rubric) if args.rubric else None
    judge = Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))

    async def run() -> int:
        try:
            report = await score_file(
                judge,
                args.input,
                args.output,
                rubric=rubric,
                resume=args.resume,
                concurrency=args.concurrency,
            )
        except asyncio.CancelledError:
            print(f"\nstopped; {args.output} is whole so far: go on with --resume", file=sys.stderr)
            raise
        finally:
            await judge.close()
        mean = "none" if report.mean_score is None else f"{report.mean_score:.2f}"
        print(
            f"{report.rows} rows, {report.resumed} of them from an earlier run; "
            f"judged now: {report.judged}, mean score {mean}; unjudged: {report.unjudged or 'none'}"
        )
        return 0

    return asyncio.run(run())


def _build(args: argparse.Namespace) -> int:
    from judge.nano.build import Builder, BuildPlan

    plan = BuildPlan() if args.steps is None else BuildPlan().quick(args.steps)
    seconds = Builder(plan, args.out, args.out / "work").run()
    print(
        json.dumps({"out": str(args.out), "seconds": {k: round(v, 1) for k, v in seconds.items()}})
    )
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from judge.judge import Judge
    from judge.nano.evaluate import evaluate, summary

    judge = Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))

    async def run() -> int:
        async with judge:
            reports = await evaluate(judge, args.samples, args.seed)
        for kind, figures in reports.items():
            rho = "undefined" if figures.spearman is None else f"{figures.spearman:.3f}"
            print(
                f"{kind:9s} Spearman {rho}  exact {figures.exact:.3f}  "
                f"parsed {figures.parse_rate:.3f}  ({figures.samples} samples)"
            )
        print(json.dumps({"judge": judge.fingerprint, **summary(reports)}))
        return 0

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
