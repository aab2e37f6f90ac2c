"""A trained judge's judge.toml: the profile's, under the judge's own name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from judge.errors import JudgeFolderError
from judge.folder import builtin_profile, profile_path
from judge.profile import parse_profile
from judge.sft.train.judge_file import find_profile, judge_file

PROFILES = sorted(path.stem for path in profile_path("default").parent.glob("*.toml"))


@pytest.mark.parametrize("name", PROFILES)
def test_only_name_and_base_are_the_judges_own(name: str) -> None:
    profile = builtin_profile(name)
    text = judge_file(profile, 'my "judge"', "/models/a\\b")
    made = parse_profile(text)
    assert (made.name, made.base_model) == ('my "judge"', "/models/a\\b")
    assert replace(made, name=profile.name, base_model=profile.base_model, source="") == replace(
        profile, source=""
    )
    assert text.splitlines()[0] == profile.source.splitlines()[0], "comments stay"


def test_text_that_looks_like_the_tables_stays(judge_folder: Path) -> None:
    source = builtin_profile("default").source.replace(
        "You are an impartial judge. Read the question and the answer,",
        "[judge]\\nname = 'x'\nname = no table\n",
        1,
    )
    profile = parse_profile(source)
    made = parse_profile(judge_file(profile, "mine", "base"))
    assert made.protocols == profile.protocols


def test_a_profile_is_found_by_name_file_or_folder(judge_folder: Path) -> None:
    assert find_profile("flex-vl") == builtin_profile("flex-vl")
    assert find_profile(str(judge_folder)) == find_profile(str(judge_folder / "judge.toml"))
    with pytest.raises(JudgeFolderError, match=r"no profile 'vl'.*flex-vl.*judge.toml"):
        find_profile("vl")
