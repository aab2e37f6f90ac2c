"""``flex-judge attack``: how much hostile candidates lift a judge's scores."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from judge.attacks.corpus import KINDS, load_corpus
from judge.attacks.report import AttackReport, summarise, table
from judge.errors import RequestError
from judge.judge import Judge
from judge.options import add_judge_options, decoding_options, engine_options
from judge.rubrics import RUBRICS, load_rubric

_DESCRIPTION = """Judges weak candidates plain and under each attack of a corpus (forged tags,
special tokens, begging, "master keys", words drawn into the picture, …) and tells how much the
scores rise. An attack is judged in the same way as any other candidate. Prints a table and ends
with one JSON line."""


def add_attack_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the subcommand to those of ``flex-judge``."""
    attack = commands.add_parser(
        "attack",
        help="measure how much hostile candidates lift the scores",
        description=_DESCRIPTION,
    )
    attack.add_argument(
        "--rubric",
        default="captioning",
        metavar="NAME|PATH",
        help=f"what to rate by: {', '.join(RUBRICS)}, or a .toml file (default: captioning)",
    )
    attack.add_argument(
        "--input",
        metavar="TABLE",
        help="rows with weak completions, as for score (default: captions of the nano world)",
    )
    attack.add_argument("--rows", type=int, default=20, help="most rows to attack (default: 20)")
    attack.add_argument(
        "--kind",
        action="append",
        choices=KINDS,
        help="attacks of this kind alone (may be given many times; default: all kinds)",
    )
    attack.add_argument("--out", type=Path, metavar="JSON", help="where the figures go")
    attack.add_argument("--concurrency", type=int, default=32, help="rows in flight (default: 32)")
    add_judge_options(attack)
    attack.set_defaults(run=_attack)


def _attack(args: argparse.Namespace) -> int:
    from judge.attacks.measure import measure
    from judge.attacks.rows import nano_rows, table_rows

    if args.rows < 1 or args.concurrency < 1:
        raise RequestError("--rows and --concurrency have to be at least 1")
    rubric = load_rubric(args.rubric)
    if rubric.candidate == "molecule":
        raise RequestError(f"rubric {rubric.name!r} judges molecules, and attacks are texts")
    if args.input is None:
        requests = nano_rows(rubric, args.rows)
    else:
        requests = table_rows(args.input, rubric, args.rows)
    attacks = [attack for attack in load_corpus() if attack.kind in (args.kind or KINDS)]
    judge = Judge.from_folder(args.judge, decoding=decoding_options(args), **engine_options(args))

    async def run() -> list[AttackReport]:
        async with judge:
            return await measure(judge, requests, attacks, concurrency=args.concurrency)

    reports = asyncio.run(run())
    about = {"judge": judge.fingerprint, "rubric": rubric.fingerprint(), "rows": len(requests)}
    show_reports(reports, about, args.out)
    return 0


def show_reports(
    reports: Sequence[AttackReport], about: Mapping[str, object], out: Path | None
) -> None:
    """Prints the table and, as one JSON line, what they are about with the summary.

    ``out`` gets that line's object with all reports, as a JSON file.
    """
    summary = {**about, **summarise(reports)}
    if out is not None:
        figures = {**summary, "reports": [report.to_json() for report in reports]}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(reports))
    print(json.dumps(summary))
