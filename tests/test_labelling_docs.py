"""Every snippet of the page on labelling runs, and prints what is shown."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from reward.best_of_n import command as best_of_n
from reward.label import command as label
from reward.label.columns import Shape, features
from reward.rescore import command as rescore

PAGE = Path(__file__).parents[1] / "docs" / "labelling.md"
TEXT = PAGE.read_text(encoding="utf-8")
PARSERS = {
    "label": label.make_parser,
    "best-of-n": best_of_n.make_parser,
    "rescore": rescore.make_parser,
}
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (match[1], match[2], TEXT[: match.start(2)].count("\n")) for match in _FENCE.finditer(TEXT)
]


async def test_snippets_print_what_is_shown() -> None:
    names: dict[str, Any] = {}
    shown = 0
    for (language, source, line), (following, expected, _) in zip(
        BLOCKS, [*BLOCKS[1:], ("", "", 0)], strict=True
    ):
        if language != "python":
            continue
        # Line numbers of the page, so that an error tells where.
        code = compile("\n" * line + source, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            running = eval(code, names)  # the documentation's own code
            if inspect.isawaitable(running):
                await running
        if following == "text":
            shown += 1
            assert out.getvalue() == expected, f"{PAGE.name}, line {line}"
    assert shown >= 6


@pytest.mark.parametrize(
    "line", [line for language, text, _ in BLOCKS if language == "sh" for line in text.splitlines()]
)
def test_commands_are_taken_by_the_command_line(line: str) -> None:
    program, command, *arguments = shlex.split(line)
    assert program == "flex-reward"
    PARSERS[command]().parse_args(arguments)


@pytest.mark.parametrize("command", PARSERS)
def test_examples_in_help_are_taken_by_the_command_line(command: str) -> None:
    epilog = PARSERS[command]().epilog or ""
    examples = re.findall(rf"^  flex-reward {command} (.*)$", epilog.replace("\\\n", ""), re.M)
    assert len(examples) >= 2
    for example in examples:
        PARSERS[command]().parse_args(shlex.split(example))


def test_every_option_of_pairs_and_every_column_is_explained() -> None:
    groups = {group.title: group for group in label.make_parser()._action_groups}
    for action in groups["pairs"]._group_actions:
        if not action.option_strings[0].startswith(("--balance", "--public")):
            assert f"`{action.option_strings[0]}`" in TEXT, action.option_strings
    for column in features(Shape(as_chat=True, with_pictures=True)):
        assert f"`{column}`" in TEXT, column
