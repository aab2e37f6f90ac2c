"""``flex-reward``: serve a judge as a reward, and look after what it wrote down."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from judge.errors import JudgeError, MissingExtraError

_COMMANDS = {
    "serve": ("reward.server.command", "serve", "serve a judge over HTTP"),
    "keys": ("reward.server.keys_command", "serve", "make and remove the API keys of a server"),
    "scale": ("reward.scale.command", "scale", "serve a judge by many replicas, with Ray Serve"),
    "label": ("reward.label.command", "label", "make a preference dataset from candidates"),
    "best-of-n": ("reward.best_of_n.command", "label", "choose the best of several candidates"),
    "rescore": ("reward.rescore.command", "label", "judge again by another judge, and compare"),
    "store": ("reward.store.command", "store", "look at stored verdicts, export them, prune them"),
}
"""Module, extra and help of each command. The module's ``main`` is given the arguments behind the
command's name; it is imported when that is named, as it may load much.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0, or 1 after an error that it has printed."""
    named, arguments = _parser().parse_known_args(argv)
    module, extra, _ = _COMMANDS[named.command]
    try:
        try:
            command = import_module(module)
        except ImportError as error:
            raise MissingExtraError(error.name or module, extra) from error
        return int(command.main(arguments))
    except JudgeError as error:
        print(f"flex-reward: error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flex-reward",
        description="Rewards for reinforcement learning from a reasoning multimodal judge.",
        epilog="flex-reward COMMAND --help explains a command.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (_, _, text) in _COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False, allow_abbrev=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
