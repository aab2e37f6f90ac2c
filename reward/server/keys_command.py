"""``flex-reward keys``: make, list and remove the API keys of a reward server."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reward.errors import ServerConfigError
from reward.server.keys import add_key, read_keys, remove_key

_FILE_VARIABLE = "FLEXREWARD_SERVER_KEYS_FILE"
_EXAMPLES = """\
examples:
  flex-reward keys add run-7 --keys-file keys.txt       prints the key; it is shown this once
  flex-reward serve --host 0.0.0.0 --keys-file keys.txt
  FLEXREWARD_API_KEY=flexreward_... python train.py     what asks with it
  flex-reward keys list --keys-file keys.txt
  flex-reward keys remove run-7 --keys-file keys.txt    refused within seconds, with no restart
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status.

    Raises:
        ServerConfigError: there is no such key, or the file cannot be read or written.
    """
    arguments = make_parser().parse_args(argv)
    file: Path | None = arguments.keys_file
    if file is None:
        raise ServerConfigError(f"no file of keys was named: give --keys-file or {_FILE_VARIABLE}")
    match arguments.action:
        case "add":
            key = add_key(file, arguments.name)
            print(
                f"{arguments.name} was added to {file}. Its key is printed below, and is kept "
                "nowhere: only its hash is.",
                file=sys.stderr,
            )
            print(key)
        case "remove":
            remove_key(file, arguments.name)
            print(f"{arguments.name} was removed from {file}")
        case _:
            for name in read_keys(file):
                print(name)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward keys",
        description="Keys by which a reward server knows who asks. The file holds their hashes; "
        "a running server notices when it changes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--keys-file",
        type=Path,
        metavar="FILE",
        default=os.environ.get(_FILE_VARIABLE),
        help=f"where the hashes are kept (default: {_FILE_VARIABLE})",
    )
    for action, text in (
        ("add", "make a key and print it, alone on stdout"),
        ("remove", "refuse a key from now on"),
        ("list", "print the names of all keys"),
    ):
        command = actions.add_parser(action, help=text, description=text, parents=[shared])
        if action != "list":
            command.add_argument("name", metavar="NAME", help="whose key it is")
    return parser
