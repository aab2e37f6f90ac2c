from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from judge import MediaError
from reward.errors import ServerConfigError
from reward.server import paths
from reward.server.paths import LocalPictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to read from, beside one with a secret."""
    folder = tmp_path / "root"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"a")
    (folder / "deep" / "b.png").write_bytes(b"b")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.png").write_bytes(b"secret")
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "b.png").write_bytes(b"secret")
    return folder


@pytest.fixture
def pictures(root: Path) -> LocalPictures:
    return LocalPictures([root], max_bytes=100)


def test_what_is_under_a_root_is_read(root: Path, pictures: LocalPictures) -> None:
    assert pictures.read(f"{root}/a.png") == b"a"
    assert pictures.read(f"{root}/deep/b.png") == b"b"
    assert pictures.read(f"{root}/deep/../a.png") == b"a"


def test_there_may_be_several_roots(root: Path) -> None:
    pictures = LocalPictures([root / "deep", root.parent / "root-2"], max_bytes=100)
    assert pictures.read(f"{root}/deep/b.png") == b"b"
    assert pictures.read(f"{root}-2/b.png") == b"secret"
    with pytest.raises(MediaError, match="not under"):
        pictures.read(f"{root}/a.png")


def test_a_root_may_itself_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    pictures = LocalPictures([link], max_bytes=100)
    assert pictures.read(f"{link}/a.png") == b"a"
    assert pictures.read(f"{root}/a.png") == b"a"


@pytest.mark.parametrize(
    "path",
    [
        "{root}/../outside/b.png",
        "{root}/deep/../../outside/b.png",
        "{root}-2/b.png",
        "{root}/../root-2/b.png",
        "{root}/..",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "/",
        "{root}/../none.png",
    ],
)
def test_what_is_outside_is_not(path: str, root: Path, pictures: LocalPictures) -> None:
    with pytest.raises(MediaError, match="not under one of the folders"):
        pictures.read(path.format(root=root))


def test_links_within_are_followed_and_lead_nowhere_else(
    root: Path, pictures: LocalPictures
) -> None:
    (root / "file").symlink_to(root / "deep" / "b.png")
    (root / "folder").symlink_to("deep")
    assert pictures.read(f"{root}/file") == b"b"
    assert pictures.read(f"{root}/folder/b.png") == b"b"
    (root / "bad-file").symlink_to(root.parent / "outside" / "b.png")
    (root / "bad-folder").symlink_to("../outside")
    (root / "bad-chain").symlink_to("bad-file")
    (root / "bad-none").symlink_to("../none.png")
    for name in ("bad-file", "bad-folder/b.png", "bad-chain", "bad-none", "file/../../../outside"):
        with pytest.raises(MediaError, match="not under one of the folders"):
            pictures.read(f"{root}/{name}")


@pytest.mark.parametrize("swapped", ["deep", "deep/b.png"])
def test_a_link_that_changes_after_it_was_checked_is_noticed(
    swapped: str, root: Path, pictures: LocalPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def swap_and_open(path: Any, *arguments: Any) -> int:
        target = root / swapped
        target.rename(root / "away")
        target.symlink_to(root.parent / "outside" / swapped.removeprefix("deep").lstrip("/"))
        return really_open(path, *arguments)

    monkeypatch.setattr(paths.os, "open", swap_and_open)
    with pytest.raises(MediaError):
        pictures.read(f"{root}/deep/b.png")
    assert (root.parent / "outside" / "b.png").read_bytes() == b"secret"


def test_what_is_no_file_is_not_waited_for(root: Path, pictures: LocalPictures) -> None:
    os.mkfifo(root / "pipe")
    for name in ("pipe", "deep", "none.png", "a.png/x", "x" * 300, "\x00"):
        with pytest.raises(MediaError, match="no picture can be read"):
            pictures.read(f"{root}/{name}")


def test_links_in_a_circle(root: Path, pictures: LocalPictures) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    with pytest.raises(MediaError, match="no picture can be read"):
        pictures.read(f"{root}/one")


def test_a_file_is_bounded(root: Path) -> None:
    (root / "large").write_bytes(b"x" * 11)
    with pytest.raises(MediaError, match="over the limit of 10 bytes"):
        LocalPictures([root], max_bytes=10).read(f"{root}/large")


def test_a_root_has_to_be_there(root: Path) -> None:
    for wrong in (root / "none", root / "a.png"):
        with pytest.raises(ServerConfigError, match="image_roots"):
            LocalPictures([wrong], max_bytes=10)
