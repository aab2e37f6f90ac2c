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

from judge.attacks.command import add_attack_command
from judge.errors import JudgeError
from judge.options import add_judge_options, decoding_options, engine_options
from judge.score_command import add_score_command
from judge.sft.ablate.command import add_ablate_command
from judge.sft.curate.command import add_curate_command
from judge.sft.train.command import add_sft_command

_EXAMPLES = """examples:
  flex-judge score --judge nano --rubric captioning --image cat.png --candidate "a cat on a mat."
  flex-judge score --judge jongwooko/Flex-VL-7B --rubric captioning --image cat.png \\
      --candidate "a cat on a mat." --candidate "a dog." --both-orders
  flex-judge score --rubric captioning --input rows.jsonl --output scored.jsonl --resume
  flex-judge nano evaluate --samples 200
"""

_RAW_EXAMPLES = """a judge like nano-judge, by the commands that flex-judge nano build goes through:
  flex-judge nano raw --out runs/raw.jsonl
  flex-judge curate --input runs/raw.jsonl --out runs/data --profile nano-judge \\
      --teacher nano-teacher --engine nano-teacher --seeds 1 --singles 22400 \\
      --single-min-tokens 0 --pairs 0 --no-diversity --halve-share 0 --validation-share 0
  flex-judge sft --config nano --data runs/data/train.jsonl --output_dir runs/my-judge
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = make_parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except JudgeError as error:
        print(f"flex-judge: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nflex-judge: interrupted", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; ``run`` of what it parses is the command."""
    parser = argparse.ArgumentParser(
        prog="flex-judge",
        description="A reasoning multimodal judge: gives a score and says why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_score_command(commands)
    _add_nano(commands)
    add_attack_command(commands)
    add_curate_command(commands)
    add_sft_command(commands)
    add_ablate_command(commands)
    return parser


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
    raw = actions.add_parser(
        "raw",
        help="write raw pairs of the synthetic world: what the nano judges are curated from",
        description="Writes pairs of captions, and of molecules, with their exact scores: JSON "
        "lines for flex-judge curate, whose teacher for them is nano-teacher.",
        epilog=_RAW_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    raw.add_argument("--out", type=Path, required=True, metavar="FILE", help="where they go")
    raw.add_argument("--pairs", type=int, default=25_000, help="how many (default: 25000)")
    raw.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    raw.set_defaults(run=_write_raw)
    evaluate = actions.add_parser(
        "evaluate",
        help="measure a judge against the synthetic world's exact scores",
        description="Judges held-out samples of three kinds (a caption of a scene in words, a "
        "caption of a picture, a molecule against a wish) and, if the judge compares pairs, two "
        "captions in both orders; and compares with the exact scores. Each reply is asked for once "
        "(no re-asks). Ends with one JSON line.",
    )
    evaluate.add_argument(
        "--samples", type=int, default=300, help="samples of each kind (default: 300)"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="which held-out samples (default: 0)")
    add_judge_options(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _build(args: argparse.Namespace) -> int:
    from judge.nano.build import Builder, BuildPlan

    plan = BuildPlan() if args.steps is None else BuildPlan().quick(args.steps)
    seconds = Builder(plan, args.out, args.out / "work").run()
    print(
        json.dumps({"out": str(args.out), "seconds": {k: round(v, 1) for k, v in seconds.items()}})
    )
    return 0


def _write_raw(args: argparse.Namespace) -> int:
    from judge.nano.raw import write_raw_pairs

    write_raw_pairs(args.out, args.pairs, args.seed)
    print(json.dumps({"out": str(args.out), "pairs": args.pairs}))
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from judge.judge import Judge
    from judge.nano.evaluate import evaluate, summary
    from judge.nano.evaluate_pairs import evaluate_pairs, pair_summary

    judge = Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))

    async def run() -> int:
        async with judge:
            reports = await evaluate(judge, args.samples, args.seed)
            pairs = await evaluate_pairs(judge, args.samples, args.seed)
        for kind, figures in reports.items():
            rho = "undefined" if figures.spearman is None else f"{figures.spearman:.3f}"
            print(
                f"{kind:10s} Spearman {rho}  exact {figures.exact:.3f}  "
                f"parsed {figures.parse_rate:.3f}  ({figures.samples} samples)"
            )
        for kind, compared in pairs.items():
            print(
                f"{kind:10s} better one preferred {compared.accuracy:.3f}, by both orders "
                f"{compared.accuracy_both_orders:.3f}  flipped {compared.flip_rate:.3f}  "
                f"parsed {compared.parse_rate:.3f}  ({compared.samples} pairs)"
            )
        summaries = {**summary(reports), **pair_summary(pairs)}
        print(json.dumps({"judge": judge.fingerprint, **summaries}))
        return 0

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
