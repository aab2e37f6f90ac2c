"""Command-line options that ``label``, ``best-of-n`` and ``rescore`` share."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from judge.engines import ENGINES
from judge.errors import EngineError, RequestError
from judge.judge import Judge
from judge.options import add_judge_options, decoding_options, engine_argument, engine_options
from judge.rubrics import RUBRICS, load_rubric
from reward.errors import StoreError
from reward.offline.jobs import SHARD_ROWS, JobPlan, Policy, RunStage
from reward.offline.judging import JudgeFactory, RowCheck
from reward.offline.outputs import Format
from reward.offline.sampling import Sampling, Writes, open_policy
from reward.offline.schemes import Scheme
from reward.offline.stages import run_stage

T = TypeVar("T")
INTERRUPTED = 130
"""Exit status after Ctrl-C."""
_AGAIN = "the same command goes on from there"

COLUMNS = """a row of --input has the columns:
  prompt                       text, or chat messages as TRL has them
  image, images                what the prompt shows: paths, data URIs, or embedded pictures
{candidates}
  reference                    a known good answer (optional)
  id                           comes out again (optional; else the row's number, from 0)
  rubric                       where --rubric is not given
"""
GOING_ON = """Killed at any moment, the same command goes on: what is finished is not touched, no
verdict is asked for twice, and the files come out as they would have. Other settings of the judging
need another --out; options of what is made of it may change, and cost no judging.
"""


def add_job_options(parser: argparse.ArgumentParser, *, retry: bool = True) -> None:
    """Input, output, and how the work is done; the judge's options; ``--ray``."""
    parser.add_argument(
        "--input",
        required=True,
        metavar="FILE|FOLDER|NAME",
        help="rows: a .jsonl or .parquet file, the folder of a Hugging Face dataset, or its name "
        "on the hub; a split may follow, as in owner/name:train",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where everything goes"
    )
    parser.add_argument(
        "--rubric",
        metavar="NAME|PATH",
        help=f"what to rate by: {', '.join(RUBRICS)}, or a .toml file (default: each row's own)",
    )
    parser.add_argument(
        "--format",
        choices=get_args(Format),
        default="parquet",
        help="of the rows that come out: a Parquet file; JSON lines, with pictures as data URIs; "
        "or a folder for load_from_disk (default: parquet)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="the first N rows only")
    parser.add_argument("--concurrency", type=int, default=64, help="rows in flight (default: 64)")
    parser.add_argument(
        "--shard-rows",
        type=int,
        default=SHARD_ROWS,
        metavar="N",
        help="rows that are kept as one file of work, each of which is a worker's task by --ray "
        f"(default: {SHARD_ROWS})",
    )
    parser.add_argument(
        "--store",
        metavar="PATH|URL",
        help="verdict store that is asked first and written to: an SQLite file, or a postgresql:// "
        "address, which a cluster needs (default: OUT/verdicts.db)",
    )
    if retry:
        parser.add_argument(
            "--retry-unjudged",
            action="store_true",
            help="go through the rows again of which something stayed unjudged; what has a verdict "
            "keeps it",
        )
    _add_ray_options(parser)
    add_judge_options(parser)


def _add_ray_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "cluster", "the same work by Ray Data: OUT has to be a folder that all machines share"
    )
    group.add_argument(
        "--ray",
        type=int,
        metavar="N",
        help="so many workers, each with an engine of its own (or, with --engine openai, each a "
        "client of a judge that is served)",
    )
    group.add_argument(
        "--ray-address", metavar="ADDRESS", help="of a running cluster (default: one here)"
    )
    group.add_argument(
        "--worker-cpus", type=float, default=1.0, metavar="N", help="of each worker (default: 1)"
    )
    group.add_argument(
        "--worker-gpus", type=float, default=0.0, metavar="N", help="of each worker (default: 0)"
    )


def add_policy_options(
    parser: argparse.ArgumentParser, samples: int, temperatures: tuple[float, ...]
) -> None:
    """``--policy`` and how it is sampled."""
    group = parser.add_argument_group(
        "policy", "candidates are sampled from it, instead of taken from the rows"
    )
    group.add_argument(
        "--policy", metavar="PATH|HUB_ID", help="a checkpoint: what is asked each row's prompt"
    )
    group.add_argument(
        "--policy-writes",
        choices=get_args(Writes),
        default="texts",
        help="what its answers are to the judge: texts, or molecules, each a SMILES and nothing "
        "else (default: texts)",
    )
    group.add_argument(
        "--samples", type=int, default=samples, help=f"candidates a row (default: {samples})"
    )
    group.add_argument(
        "--policy-temperature",
        type=float,
        nargs="+",
        default=list(temperatures),
        metavar="T",
        help=f"taken in turn by a row's candidates (default: {' '.join(map(str, temperatures))})",
    )
    group.add_argument("--policy-top-p", type=float, default=1.0, metavar="P")
    group.add_argument(
        "--policy-max-tokens", type=int, default=512, metavar="N", help="(default: 512)"
    )
    group.add_argument(
        "--policy-seed", type=int, default=0, metavar="N", help="of all samples (default: 0)"
    )
    group.add_argument(
        "--policy-engine", choices=tuple(ENGINES), default="vllm", help="(default: vllm)"
    )
    group.add_argument(
        "--policy-arg",
        action="append",
        default=[],
        type=engine_argument,
        metavar="NAME=VALUE",
        help="an option of that engine, by its own name (may be given many times)",
    )


def make_judge_factory(args: argparse.Namespace) -> JudgeFactory:
    """Makes the judge of the command line: the same one each time, or where workers run elsewhere,
    one that each of them makes for itself.
    """
    decoding = {**decoding_options(args), "both_orders": False}
    make = partial(Judge.from_folder, args.judge, decoding=decoding, **engine_options(args))
    if args.ray is not None:
        return make
    judge = make()
    return lambda: judge


def both_orders(args: argparse.Namespace) -> bool:
    """Whether candidates are compared in both orders: yes, unless told otherwise."""
    return bool(decoding_options(args).get("both_orders", True))


def make_job(args: argparse.Namespace, scheme: Scheme, check: RowCheck) -> JobPlan:
    """The job of a parsed command line.

    Raises:
        RequestError: a number out of its range, or no such rubric.
    """
    for name in ("limit", "concurrency", "shard_rows", "ray"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise RequestError(f"--{name.replace('_', '-')} is at least 1, got {value}")
    return JobPlan(
        source=args.input,
        out=args.out,
        scheme=scheme,
        rubric=load_rubric(args.rubric) if args.rubric else None,
        check=check,
        policy=_policy(args) if getattr(args, "policy", None) else None,
        limit=args.limit,
        store=args.store,
        concurrency=args.concurrency,
        shard_rows=args.shard_rows,
    )


def make_runner(args: argparse.Namespace) -> RunStage:
    """Where the work is done.

    Raises:
        MissingExtraError: ``--ray`` is given, and Ray is not installed.
    """
    if args.ray is None:
        return run_stage
    from reward.scale.labelling import RayCluster, require_ray

    require_ray()
    return RayCluster(args.ray, args.ray_address, args.worker_cpus, args.worker_gpus).run_stage


def run_command(work: Callable[[], Coroutine[Any, Any, T]], out: Path) -> T | None:
    """Runs it; None after Ctrl-C. Says how to go on where it ends early."""
    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        print(f"\nstopped; {out} keeps what is done: {_AGAIN}", file=sys.stderr)
        return None
    except (EngineError, StoreError):
        print(f"\n{out} keeps what is done: {_AGAIN}", file=sys.stderr)
        raise


def _policy(args: argparse.Namespace) -> Policy:
    sampling = Sampling(
        samples=args.samples,
        temperatures=tuple(args.policy_temperature),
        top_p=args.policy_top_p,
        max_tokens=args.policy_max_tokens,
        seed=args.policy_seed,
        writes=args.policy_writes,
    )
    make = partial(open_policy, args.policy, args.policy_engine, **dict(args.policy_arg))
    return Policy(args.policy, sampling, make)
