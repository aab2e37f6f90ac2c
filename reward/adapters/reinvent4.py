"""REINVENT4's external process: SMILES come on standard input, scores go out as JSON.

    [stage.scoring.component.ExternalProcess.endpoint.params]
    executable = "/path/to/python"
    args = "-m reward.adapters.reinvent4 --rubric molecule --question 'A soluble kinase inhibitor.'"

A molecule that was not judged is NaN, as REINVENT4 asks for: "Do not use zero for this". What is
wrong with the call as a whole ends the process with status 1, which ends the run.

Source: ``reinvent_plugins/components/comp_external_process.py`` of MolecularAI/REINVENT4.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence

from judge.errors import JudgeError
from reward.adapters.core import Row, asker, read_settings

_EXAMPLE = """\
example:
  printf 'CCO\\nc1ccccc1' | python -m reward.adapters.reinvent4 --rubric molecule \\
      --question 'Design a molecule that dissolves well in water.'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Scores the SMILES on standard input, one a line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    smiles = sys.stdin.read().split("\n")
    if smiles == [""]:
        smiles = []
    try:
        ask = asker(
            read_settings(
                url=arguments.url, rubric=arguments.rubric, deadline_s=arguments.deadline_s
            )
        )
        rows: list[Row] = [
            {"prompt": arguments.question, "molecule": each.strip()} for each in smiles
        ]
        rewards = ask.ask(rows)
    except JudgeError as error:
        print(f"reward.adapters.reinvent4: error: {error}", file=sys.stderr)
        return 1
    scores = [math.nan if reward.value is None else reward.value for reward in rewards]
    print(json.dumps({"version": 1, "payload": {"predictions": scores}}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reward.adapters.reinvent4",
        description="Scores SMILES from standard input, one a line, by a reward server.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--question", required=True, help="what the molecules are to be")
    parser.add_argument("--rubric", help="name of the rubric (default: FLEXREWARD_RUBRIC)")
    parser.add_argument("--url", help="address of the reward server (default: FLEXREWARD_URL)")
    parser.add_argument(
        "--deadline-s",
        type=float,
        metavar="SECONDS",
        help="time for all molecules of one call (default: FLEXREWARD_DEADLINE_S)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
