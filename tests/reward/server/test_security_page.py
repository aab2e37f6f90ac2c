"""The page on security: what a user pastes is taken, and its figures are the defaults."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reward.server.command import make_parser
from reward.server.config import ServerConfig
from reward.server.keys_command import make_parser as make_keys_parser
from reward.wire import MAX_SAMPLES

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^flex-reward .+$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_taken(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    parsers = {"serve": make_parser, "keys": make_keys_parser}
    assert parsers[command]().parse_args(arguments)


def test_options_exist() -> None:
    known = make_parser().format_help() + make_keys_parser().format_help()
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named
    assert not {flag for flag in named if f"{flag} " not in known}


@pytest.mark.parametrize(
    ("option", "shown", "value"),
    [
        ("max_body_bytes", "64 MiB", 64 * 2**20),
        ("queue_samples", "4096", 4096),
        ("image_bytes", "20 MiB", 20 * 2**20),
        ("image_pixels", "40 million", 40 * 10**6),
        ("sample_chars", "1 million", 10**6),
        ("media_bytes", "1 GiB", 2**30),
        ("image_fetch_s", "10 s", 10),
        ("client_timeout_s", "60 s", 60),
    ],
)
def test_limits_are_the_defaults(option: str, shown: str, value: int) -> None:
    assert getattr(ServerConfig(), option) == value
    assert re.search(rf"`--{option.replace('_', '-')}` \| {shown}", PAGE)
    assert f"| {MAX_SAMPLES} | 422 |" in PAGE
