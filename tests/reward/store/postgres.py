"""A real PostgreSQL on loopback, its data in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

_PLACES = "/usr/lib/postgresql/*/bin/postgres"
_START_S = 120


def find_binaries() -> Path | None:
    """The folder of ``postgres`` and ``initdb``; None where there is none."""
    found = shutil.which("postgres")
    places = [Path(found)] if found else sorted(Path("/").glob(_PLACES.lstrip("/")))
    return next((path.parent for path in places if (path.parent / "initdb").exists()), None)


class Postgres:
    """A server that tests may kill and start again."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="verdicts-postgres-"))
        self._data = self._folder / "data"
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged_user()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._names = count()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "judge", "-A", "trust", "-N", "-E", "UTF8")

    def start(self) -> None:
        """Returns once it takes connections; nothing where it runs already."""
        if self._process is not None:
            return
        end = time.monotonic() + _START_S
        while not self._answers():
            if time.monotonic() > end:
                raise TimeoutError((self._folder / "log").read_text(encoding="utf-8"))
            # After a kill it does not start before the last of the old one's processes is gone.
            if self._process is None or self._process.poll() is not None:
                self._process = self._launch()
            time.sleep(0.1)

    def kill(self) -> None:
        """As ``kill -9`` of the server and all its processes."""
        assert self._process is not None
        _signal(self._processes(), signal.SIGKILL)
        self._process.wait()
        self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Takes connections and answers nothing meanwhile."""
        processes = self._processes()
        _signal(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(processes, signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"verdicts{next(self._names)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def _processes(self) -> list[int]:
        """The server's own process, and one for each of its connections and duties."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        return [pid, *map(int, children.split())]

    def _launch(self) -> subprocess.Popen[bytes]:
        command = ["postgres", "-D", str(self._data), "-p", str(self._port), "-h", "127.0.0.1"]
        command += ["-k", str(self._folder), "-c", "fsync=off"]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._binaries / command[0], *command[1:]],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **self._user,
            )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _address(self, database: str) -> str:
        return f"postgresql://judge@127.0.0.1:{self._port}/{database}"

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / command, *arguments],
            cwd=self._folder,
            check=True,
            capture_output=True,
            **self._user,
        )


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("neither a user 'postgres' nor 'nobody'")
