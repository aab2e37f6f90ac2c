"""Reward servers as processes of their own, to be killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
_START_S = 240.0


class ServerProcess:
    """``flex-reward serve`` on a :class:`~tests.faults.core_engine.CoreEngine`.

    Args:
        folder: gets its judge, its journal and its log; relative paths begin there.
        flags: of ``flex-reward serve``.
        delay: how long a reply takes, in seconds.
        log: gets what it prints, instead of a file in the folder.
    """

    def __init__(
        self, folder: Path, *flags: str, delay: float = 0.0, log: Path | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.flags = flags
        self.delay = delay
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log or folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def engine_pid(self) -> int:
        """The process of the engine's core."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8")
        (core,) = map(int, children.split())
        return core

    @property
    def resident_mib(self) -> float:
        """Main memory that the process takes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        kib = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert kib
        return int(kib[1]) / 1024

    @property
    def judged(self) -> Counter[str]:
        """How often each candidate was judged, by its ``#id``, in all lives of the server."""
        journal = self.folder / "journal"
        return Counter(journal.read_text(encoding="utf-8").split() if journal.exists() else ())

    def start(self) -> None:
        """Returns once it is ready."""
        command = [sys.executable, "-m", "tests.faults.serve", str(self.folder), str(self.delay)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.flags],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _START_S
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no server: {self.log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def metric(self, name: str) -> float:
        """A metric that has no labels."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        values = [float(row.split()[1]) for row in text.splitlines() if row.startswith(f"{name} ")]
        (value,) = values
        return value

    def kill(self) -> None:
        """As ``kill -9``."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """As an orchestrator does; nothing where it does not run."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
