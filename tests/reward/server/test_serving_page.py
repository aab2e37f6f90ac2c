"""The page on serving: what a user pastes is taken."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reward.composed_config import load_composed
from reward.server.app import load_rubrics
from reward.server.canary import read_canaries
from reward.server.command import make_parser
from reward.server.config import ServerConfig, load_config
from reward.store.command import make_parser as make_store_parser

PAGE = (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"flex-reward (?:serve|store) --?[^`\n,]+|flex-reward store .+", PAGE)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The page's files, by the names that their first lines give."""
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        name = text.removeprefix("# ").partition(",")[0]
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_taken(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    parsers = {"serve": make_parser, "store": make_store_parser}
    assert parsers[command]().parse_args(arguments)


def test_options_exist() -> None:
    known = make_parser().format_help()
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert len(named) > 10
    assert not {flag for flag in named if flag not in known}


def test_settings_are_taken(files: Path) -> None:
    config = load_config({"port": 9000}, files / "server.yaml")
    assert (config.queue_samples, config.port, config.store) == (8192, 9000, "verdicts.db")


def test_canaries_are_taken(files: Path) -> None:
    assert len(read_canaries(files / "canaries.yaml", load_rubrics(ServerConfig()))) == 2


def test_the_composed_reward_is_taken(files: Path) -> None:
    reward = load_composed(files / "caption.yaml")
    assert reward.part_names == ("judge", "not_empty", "repetition", "length", "ending")
