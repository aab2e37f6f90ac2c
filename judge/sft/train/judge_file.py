"""The ``judge.toml`` of a judge in the making: whose prompts it takes, and what it writes down."""

from __future__ import annotations

import json
import re
from pathlib import Path

from judge.errors import JudgeFolderError
from judge.folder import FILE, builtin_profile, profile_path
from judge.profile import JudgeProfile, parse_profile, read_profile


def find_profile(name_or_path: str) -> JudgeProfile:
    """A profile that ships, or the one in a ``judge.toml`` (or in a folder that holds one).

    Raises:
        JudgeFolderError: nothing there, or a file that does not hold a judge.
    """
    path = Path(name_or_path)
    if path.is_dir():
        return read_profile(path / FILE)
    if path.suffix == ".toml":
        return read_profile(path)
    if not profile_path(name_or_path).is_file():
        names = ", ".join(
            sorted(each.stem for each in profile_path("default").parent.glob("*.toml"))
        )
        raise JudgeFolderError(
            f"no profile {name_or_path!r}: expected one of {names}, or the path of a judge.toml"
        )
    return builtin_profile(name_or_path)


def judge_file(profile: JudgeProfile, name: str, base: str) -> str:
    """The text of the profile's file for another judge: its comments, prompts and decoding kept.

    Args:
        profile: where the text comes from.
        name: the judge's name.
        base: what it was made from.
    """
    head, table, rest = re.split(r"(?m)^(\[judge\][^\n]*\n)", profile.source, maxsplit=1)
    about, *others = re.split(r"(?m)^(?=\[)", rest)
    kept = re.sub(r"(?m)^(name|base_model)\s*=.*\n", "", about)
    own = f"name = {json.dumps(name)}\nbase_model = {json.dumps(base)}\n"
    text = "".join((head, table, own, kept, *others))
    made = parse_profile(text)
    assert (made.name, made.base_model) == (name, base)  # the table's own lines were replaced
    return text
