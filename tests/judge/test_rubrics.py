"""Rubrics are data files; one that does not hold together is refused when it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge import RUBRICS, RequestError, Rubric, load_rubric


@pytest.mark.parametrize("name", RUBRICS)
def test_shipped_rubric_loads_and_names_both_ends_of_its_scale(name: str) -> None:
    rubric = load_rubric(name)
    assert rubric.name == name
    assert list(rubric.scale) == [1, 10]
    assert list(rubric.reward_range) == [0.0, 1.0]
    assert "{low}" in rubric.criteria
    assert "{high}" in rubric.criteria


def test_the_rubrics_that_ship() -> None:
    assert RUBRICS == ("captioning", "helpfulness", "molecule")


def test_own_rubric_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "kindness.toml"
    path.write_text(
        'criteria = "Is it kind?"\nscale = [0, 5]\nreward_range = [-1, 1]\nversion = 3\n',
        encoding="utf-8",
    )
    expected = Rubric("kindness", "Is it kind?", (0, 5), (-1.0, 1.0), version=3)
    assert load_rubric(str(path)) == expected


@pytest.mark.parametrize(
    "name", ["kindness", "", "captioning.toml", "../rubrics/captioning", "a\0"]
)
def test_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(RequestError, match=r"expected one of captioning, helpfulness, molecule"):
        load_rubric(name)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="empty-file"),
        pytest.param("scale = [1, 10]", id="no-criteria"),
        pytest.param('criteria = " "', id="blank-criteria"),
        pytest.param("criteria = ", id="no-toml"),
        pytest.param('criteria = "x"\nscale = [10, 1]', id="falling-scale"),
        pytest.param('criteria = "x"\nscale = [5, 5]', id="one-point-scale"),
        pytest.param('criteria = "x"\nscale = [1]', id="one-end"),
        pytest.param('criteria = "x"\nscale = [1, 5, 10]', id="three-ends"),
        pytest.param('criteria = "x"\nscale = 10', id="scale-is-a-number"),
        pytest.param('criteria = "x"\nscale = ["1", "9"]', id="scale-of-strings"),
        pytest.param('criteria = "x"\nscale = [1, inf]', id="infinite-scale"),
        pytest.param('criteria = "x"\nscale = [nan, 10]', id="scale-not-a-number"),
        pytest.param('criteria = "x"\nreward_range = [1, 0]', id="falling-reward"),
        pytest.param('criteria = "x"\nreward_range = ["low", "high"]', id="reward-of-strings"),
        pytest.param('criteria = "x"\nreward_range = [0, inf]', id="infinite-reward"),
        pytest.param('criteria = "x"\nversion = "new"', id="version-is-a-word"),
    ],
)
def test_file_that_holds_no_rubric_is_refused(source: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(RequestError, match="broken"):
        load_rubric(str(path))


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(b'criteria = "\xff"')
    with pytest.raises(RequestError, match="broken"):
        load_rubric(str(path))


def test_rubrics_are_values() -> None:
    assert load_rubric("captioning") == load_rubric("captioning")
    assert len({load_rubric(name) for name in (*RUBRICS, *RUBRICS)}) == len(RUBRICS)
