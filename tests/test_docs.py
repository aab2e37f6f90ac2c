"""Every snippet of the documentation runs, and prints what is shown."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import judge.judge
from judge import Reason
from judge.cli import make_parser
from judge.record import record
from judge.rubrics import load_rubric
from judge.sft.curate.funnel import Funnel
from judge.sft.curate.source import Columns, read_pairs
from judge.sft.train.command import parse_options
from judge.verdicts import Unjudged
from tests.live import LiveJudge

PAGE = Path(__file__).parents[1] / "docs" / "judging.md"
TEXT = PAGE.read_text(encoding="utf-8")
TRAINING = PAGE.with_name("training.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the word behind it, its text, and what it should print."""

    language: str
    kind: str
    text: str
    line: int
    shown: str | None


def blocks(language: str, kind: str = "", text: str = TEXT) -> list[Block]:
    found = list(_FENCE.finditer(text))
    following = [*found[1:], None]
    return [
        Block(
            match[1],
            match[2],
            match[3],
            text[: match.start(3)].count("\n"),
            after[3] if after is not None and after[1] == "text" else None,
        )
        for match, after in zip(found, following, strict=True)
        if (match[1], match[2]) == (language, kind)
    ]


async def run_all(kind: str) -> Iterator[tuple[Block, str]]:
    """Runs the page's blocks of that kind one after the other, in one namespace.

    Gives each that shows what it prints, and what it printed.
    """
    names: dict[str, Any] = {}
    printed = []
    for block in blocks("python", kind):
        # Line numbers of the page, so that an error tells where.
        source = "\n" * block.line + block.text
        code = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            await _execute(code, names)
        if block.shown is not None:
            printed.append((block, out.getvalue()))
    return iter(printed)


async def _execute(code: CodeType, names: dict[str, Any]) -> None:
    running = eval(code, names)  # the documentation's own code
    if inspect.isawaitable(running):
        await running


async def test_scripted_snippets_print_what_is_shown() -> None:
    printed = list(await run_all("scripted"))
    assert len(printed) >= 4
    for block, out in printed:
        assert out == block.shown, f"{PAGE.name}, line {block.line}"


@pytest.mark.engine
def test_snippets_of_the_nano_judge_print_what_is_shown(
    live: LiveJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the session's engine. Digits are not compared: machines round differently."""
    monkeypatch.setattr(judge.judge, "make_engine", lambda *_, **__: live.judge.engine)
    printed = list(live.run(run_all("nano")))
    assert len(printed) >= 4
    for block, out in printed:
        assert _numberless(out) == _numberless(block.shown or ""), f"line {block.line}: {out}"


def _numberless(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "0", text)


@pytest.mark.parametrize(
    "command",
    [
        command
        for block in blocks("sh") + blocks("sh", text=TRAINING)
        for command in block.text.replace("\\\n", " ").strip().splitlines()
    ],
)
def test_commands_are_taken_by_the_command_line(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "flex-judge"
    parsed = make_parser().parse_args(arguments)
    if arguments[0] == "sft":  # its options are TRL's, read behind the others
        parse_options(parsed.options)


def test_the_raw_pair_that_is_shown_can_be_curated(tmp_path: Path) -> None:
    (block,) = blocks("json", text=TRAINING)
    path = tmp_path / "pairs.jsonl"
    path.write_text(block.text, encoding="utf-8")
    (pair,) = read_pairs(str(path), Columns(), "helpfulness", None, Funnel())
    assert pair.scores == (9, 1)


def test_files_of_the_repository_that_the_page_on_training_names_are_there() -> None:
    named = set(re.findall(r"\b(?:judge|benchmarks)/[\w./-]+", TRAINING))
    assert len(named) > 3
    for name in named:
        assert (PAGE.parents[1] / name).exists(), name


def test_the_rubrics_lines_are_a_rubrics(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(f'criteria = "Anything."\n{block.text}', encoding="utf-8")
    assert [name for name, _ in load_rubric(str(path)).options] == re.findall(
        r'^"(.*)" =', block.text, re.MULTILINE
    )


def test_every_reason_and_every_key_of_a_judgement_is_explained() -> None:
    for reason in Reason:
        assert f"`{reason}`" in TEXT, reason
    for key in record(Unjudged(Reason.TIED), None, {"judge": "", "rubric": ""}):
        assert f"`{key}`" in TEXT, key


def test_every_block_is_one_that_is_tested() -> None:
    known = {("python", "nano"), ("python", "scripted"), ("sh", ""), ("toml", ""), ("text", "")}
    assert {(match[1], match[2]) for match in _FENCE.finditer(TEXT)} == known
    assert TEXT.count("```") == 2 * len(_FENCE.findall(TEXT))
