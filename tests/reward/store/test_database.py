from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import text, update

from reward.errors import StoreError
from reward.store.database import open_database
from reward.store.table import schema

ROOT = Path(__file__).parents[3]


def test_opening_again_changes_nothing(location: str) -> None:
    for _ in range(2):
        engine = open_database(location)
        with engine.connect() as connection:
            assert connection.execute(schema.select()).all() == [(1,)]
        engine.dispose()


def test_sqlite_runs_in_wal_mode(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "deep" / "verdicts.db")
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 1
        assert connection.scalar(text("PRAGMA auto_vacuum")) == 2
    engine.dispose()


def test_another_version_is_refused_and_kept(location: str) -> None:
    engine = open_database(location)
    with engine.begin() as connection:
        connection.execute(update(schema).values(version=7))
    engine.dispose()
    for create in (True, False):
        with pytest.raises(StoreError, match="version 7, and this program writes version 1"):
            open_database(location, create=create)


def test_reading_needs_a_store_that_is_there(location: str) -> None:
    with pytest.raises(StoreError, match=r"no store at|holds no table of verdicts"):
        open_database(location, create=False)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("mysql://host/db", "path of an SQLite file or a postgresql:// address, got mysql://"),
        ("sqlite:///x.db", "path of an SQLite file"),
        ("postgresql://host:port/db", "not the address of a PostgreSQL database"),
        ("postgresql://judge:secret@127.0.0.1:1/db", "cannot be opened"),
    ],
)
def test_a_location_that_is_none(location: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        open_database(location)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 1000, encoding="utf-8")
    with pytest.raises(StoreError, match="file is not a database"):
        open_database(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no folder can be made"):
        open_database(tmp_path / "file" / "verdicts.db")


def test_many_processes_may_create_it_at_once(location: str) -> None:
    code = textwrap.dedent("""
        import sys
        from reward.store.database import open_database
        sys.stdin.readline()
        open_database(sys.argv[1])
    """)
    command = [sys.executable, "-c", code, location]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    errors = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, errors
