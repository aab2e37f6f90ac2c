from __future__ import annotations

import hmac
import logging
from hashlib import sha256
from pathlib import Path

import pytest

from reward.cli import main
from reward.errors import ServerConfigError
from reward.server import keys
from reward.server.keys import KeyFile, add_key, read_keys, remove_key


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_is_known_by_its_name_and_kept_as_a_hash(file: Path) -> None:
    first, second = add_key(file, "run-7"), add_key(file, "me@work.org")
    text = file.read_text()
    assert first not in text
    assert f"run-7:{sha256(first.encode()).hexdigest()}" in text.splitlines()
    known = KeyFile(file)
    assert [known.name_of(key) for key in (first, second)] == ["run-7", "me@work.org"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_keys_are_long_and_differ(file: Path) -> None:
    made = {add_key(file, f"k{number}") for number in range(20)}
    assert len(made) == 20
    assert all(
        len(key) >= 43 and key.isascii() and key.replace("-", "").isidentifier() for key in made
    )


@pytest.mark.parametrize("given", ["", "x", "é", "\x00", "flexreward_"])
def test_what_is_no_key_is_nobodys(given: str, file: Path) -> None:
    key = add_key(file, "run-7")
    known = KeyFile(file)
    stored = sha256(key.encode()).hexdigest()
    for wrong in (given, key + given if given else key[:-1], key.upper(), stored):
        assert known.name_of(wrong) is None


@pytest.mark.parametrize("asked", ["first", "last", "none"])
def test_every_key_is_compared_whichever_it_is(
    asked: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {name: add_key(file, name) for name in ("first", "middle", "last")}
    known = KeyFile(file)
    compared = []
    real = hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append(other)
        return real(one, other)

    monkeypatch.setattr(keys.hmac, "compare_digest", counted)
    known.name_of(made.get(asked, "none"))
    assert len(compared) == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n",
        "secret",
        "run-7:secret",
        "run 7:" + "0" * 64,
        "run-7:" + "A" * 64,
        "run-7:" + "0" * 63,
        ("run-7:" + "0" * 64 + "\n") * 2,
        "# x\nrun-7:" + "0" * 64 + "\nflexreward_secret\n",
    ],
)
def test_a_file_of_something_else_is_refused_unquoted(content: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(ServerConfigError, match=r"keys\.txt") as refused:
        KeyFile(file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("content", [None, "# none yet\n", b"\xff\xfe"])
def test_a_server_is_not_started_without_keys(content: str | bytes | None, file: Path) -> None:
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ServerConfigError, match=r"keys\.txt"):
        KeyFile(file)


def test_comments_and_empty_lines_are_left_alone(file: Path) -> None:
    file.write_text(f"# ours\n\n  run-7:{sha256(b'k').hexdigest()}  # since May\n")
    assert KeyFile(file).name_of("k") == "run-7"


def test_a_changed_file_is_read_again_once_a_second(file: Path, clock: Clock) -> None:
    old = add_key(file, "old")
    known = KeyFile(file, clock)
    new = add_key(file, "new")
    remove_key(file, "old")
    clock.now = 0.9
    assert (known.name_of(old), known.name_of(new)) == ("old", None)
    clock.now = 1.0
    assert (known.name_of(old), known.name_of(new)) == (None, "new")


@pytest.mark.parametrize("content", [None, "", "run-7:ohno", "\x00"])
def test_a_broken_file_leaves_the_last_good_keys_and_is_told_of_once(
    content: str | None, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    key = add_key(file, "run-7")
    known = KeyFile(file, clock)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for _ in range(3):
        clock.now += 1
        assert known.name_of(key) == "run-7"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    file.unlink(missing_ok=True)
    mended = add_key(file, "mended")
    clock.now += 1
    assert (known.name_of(key), known.name_of(mended)) == (None, "mended")


def test_without_its_last_key_a_server_lets_nobody_in(file: Path, clock: Clock) -> None:
    key = add_key(file, "run-7")
    known = KeyFile(file, clock)
    remove_key(file, "run-7")
    clock.now = 1.0
    assert known.name_of(key) is None


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "x" * 65, "#a", "a\nb"])
def test_what_is_no_name_is_refused(name: str, file: Path) -> None:
    with pytest.raises(ServerConfigError, match="no name of a key"):
        add_key(file, name)
    assert not file.exists()


def test_a_name_is_given_once(file: Path) -> None:
    add_key(file, "run-7")
    before = file.read_text()
    with pytest.raises(ServerConfigError, match="holds a key named 'run-7'"):
        add_key(file, "run-7")
    with pytest.raises(ServerConfigError, match="no key named 'run-8': expected one of run-7"):
        remove_key(file, "run-8")
    assert file.read_text() == before


def test_a_broken_file_is_not_written_over(file: Path) -> None:
    file.write_text("something precious")
    with pytest.raises(ServerConfigError, match="line 1"):
        add_key(file, "run-7")
    assert file.read_text() == "something precious"


def test_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(ServerConfigError, match="cannot be written"):
        add_key(tmp_path / "none" / "keys.txt", "run-7")


def test_the_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option = ["--keys-file", str(file)]
    assert main(["keys", "add", "run-7", *option]) == 0
    shown = capsys.readouterr()
    key = shown.out.strip()
    assert key not in shown.err
    assert KeyFile(file).name_of(key) == "run-7"
    assert main(["keys", "list", *option]) == 0
    assert capsys.readouterr().out == "run-7\n"
    assert main(["keys", "remove", "run-7", *option]) == 0
    assert read_keys(file) == {}
    assert main(["keys", "remove", "run-7", *option]) == 1
    assert "no key named 'run-7'" in capsys.readouterr().err


def test_the_commands_file_may_come_from_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "list"]) == 1
    assert "FLEXREWARD_SERVER_KEYS_FILE" in capsys.readouterr().err
    monkeypatch.setenv("FLEXREWARD_SERVER_KEYS_FILE", str(file))
    assert main(["keys", "add", "run-7"]) == 0
    assert list(read_keys(file)) == ["run-7"]
