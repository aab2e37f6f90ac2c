"""Opening the database that holds a store: an SQLite file, or PostgreSQL by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from reward.errors import StoreError
from reward.store.table import SCHEMA_VERSION, metadata, schema, verdicts

_POSTGRESQL = ("postgresql://", "postgres://")
_BUSY_S = 30
"""How long a writer waits for another process that writes to the same SQLite file."""
_CREATION_LOCK = 0x666C6578
"""PostgreSQL's advisory lock that is held while tables are created: any number of our own."""
_POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    # A connection whose other end is gone without a word is given up after so many milliseconds.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
}


def open_database(location: str | Path, *, create: bool = True) -> Engine:
    """The database with the table of verdicts in it.

    Args:
        location: path of an SQLite file (WAL mode: not on a network drive), or
            ``postgresql://user:password@host/database``.
        create: make the file and the tables where they are not there yet.

    Raises:
        StoreError: no database there, one that cannot be opened, or tables of another version.
    """
    engine = _engine(str(location), create=create)
    try:
        with engine.begin() as connection:
            _prepare(connection, create=create)
    except SQLAlchemyError as error:
        engine.dispose()
        raise StoreError(f"the store {_shown(engine)} cannot be opened: {_cause(error)}") from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def _engine(location: str, *, create: bool) -> Engine:
    if location.startswith(_POSTGRESQL):
        try:
            url = make_url(location).set(drivername="postgresql+psycopg")
        except (SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
            raise StoreError(f"not the address of a PostgreSQL database: {error}") from error
        return create_engine(url, connect_args=_POSTGRESQL_OPTIONS)
    if "://" in location:
        scheme = location.partition("://")[0]
        raise StoreError(
            f"a store is the path of an SQLite file or a postgresql:// address, got {scheme}://…"
        )
    path = Path(location)
    if create:
        _make_parent(path)
    elif not path.is_file():
        raise StoreError(f"no store at {path}; `flex-reward serve --store {path}` makes one")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"no folder can be made for the store {path}: {error}") from error


def _set_pragmas(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # does nothing once there are tables
    connection.execute("PRAGMA journal_mode=WAL")
    # A killed process loses nothing; a power cut the last commits, never the file.
    connection.execute("PRAGMA synchronous=NORMAL")


def _prepare(connection: Connection, *, create: bool) -> None:
    if create:
        _lock(connection)
        metadata.create_all(connection)
    elif not inspect(connection).has_table(verdicts.name):
        raise StoreError(f"{_shown(connection.engine)} holds no table of verdicts: not a store")
    versions = connection.scalars(select(schema.c.version)).all()
    if not versions:
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))
    elif versions != [SCHEMA_VERSION]:
        raise StoreError(
            f"the store {_shown(connection.engine)} has the columns of version "
            f"{', '.join(map(str, versions))}, and this program writes version {SCHEMA_VERSION}: "
            "name another store, or use the program that made this one"
        )


def _lock(connection: Connection) -> None:
    """Keeps other processes from creating the tables at the same time, until the commit."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")


def _shown(engine: Engine) -> str:
    """The location, its password hidden."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql").render_as_string()


def _cause(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement and SQLAlchemy's link."""
    return str(getattr(error, "orig", None) or error).strip()
