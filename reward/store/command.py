"""``flex-reward store``: look at the verdicts that were written down, export them, prune them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from reward.errors import StoreError
from reward.store.database import open_database
from reward.store.export import export_rows
from reward.store.quantities import parse_age, parse_size
from reward.store.retention import Retention, prune
from reward.store.stats import read_stats, stats_text

T = TypeVar("T")
VARIABLE = "FLEXREWARD_SERVER_STORE"
"""The environment's name for the server's store."""
_EXAMPLES = """\
examples:
  flex-reward store stats --store verdicts.db
  flex-reward store stats --store postgresql://judge@db.internal/verdicts
  flex-reward store export --store verdicts.db --run grpo-7 --output grpo-7.parquet
  flex-reward store prune --store verdicts.db --older-than 30d --max-size 2GB --dry-run
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status.

    Raises:
        StoreError: the store cannot be opened or read.
    """
    arguments = make_parser().parse_args(argv)
    if not arguments.store:
        raise StoreError(f"no store: name it by --store PATH|URL, or by {VARIABLE}")
    run: Callable[[Engine, argparse.Namespace], None] = arguments.run_command
    engine = open_database(arguments.store, create=False)
    try:
        run(engine, arguments)
    except SQLAlchemyError as error:
        raise StoreError(f"the store failed: {error}") from error
    finally:
        engine.dispose()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward store",
        description="The verdicts that a reward server wrote down. Safe while servers use them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store",
        default=os.environ.get(VARIABLE),
        metavar="PATH|URL",
        help=f"an SQLite file or a postgresql:// address (default: {VARIABLE})",
    )
    stats = commands.add_parser(
        "stats", parents=[store], help="rows, verdicts, hit rate, by run and by judge"
    )
    stats.set_defaults(run_command=_stats)
    export = commands.add_parser(
        "export", parents=[store], help="write the rows to a JSONL or Parquet file"
    )
    export.add_argument("--output", type=Path, required=True, metavar="FILE.jsonl|FILE.parquet")
    export.add_argument("--run", help="only the rows of that training run")
    export.set_defaults(run_command=_export)
    pruning = commands.add_parser("prune", parents=[store], help="delete the oldest rows")
    pruning.add_argument(
        "--older-than", type=_argument(parse_age), metavar="AGE", help="e.g. 12h, 30d, 2w"
    )
    pruning.add_argument(
        "--max-size",
        type=_argument(parse_size),
        metavar="SIZE",
        help="keep the newest rows that fit into it, e.g. 500MB, 2GB",
    )
    pruning.add_argument("--dry-run", action="store_true", help="only tell what would go")
    pruning.set_defaults(run_command=_prune)
    return parser


def _stats(engine: Engine, _: argparse.Namespace) -> None:
    stats = read_stats(engine)
    print(stats_text(stats))
    print(json.dumps(stats.record()))


def _export(engine: Engine, arguments: argparse.Namespace) -> None:
    count = export_rows(engine, arguments.output, run=arguments.run)
    print(json.dumps({"rows": count, "output": str(arguments.output)}))


def _prune(engine: Engine, arguments: argparse.Namespace) -> None:
    retention = Retention(arguments.older_than, arguments.max_size)
    if not retention.is_bounded:
        raise StoreError("nothing to prune by: give --older-than AGE, --max-size SIZE or both")
    pruned = prune(engine, retention, dry_run=arguments.dry_run)
    print(json.dumps({"rows": pruned.rows, "bytes": pruned.bytes, "dry_run": arguments.dry_run}))


def _argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """The parser for argparse, which passes on the words of its own error only."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument
