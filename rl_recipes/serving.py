"""A reward server for the length of a run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from judge.errors import EngineError

_READY = re.compile(r"ready at (http://\S+)")
_POLL_S = 0.2
_STOP_S = 30.0


@contextmanager
def reward_server(
    judge: str, log: Path, *, options: Sequence[str] = (), timeout_s: float = 600.0
) -> Iterator[str]:
    """Runs ``flex-reward serve`` on a free port of this machine; gives its address, stops it after.

    The server ends with this process, too, however that ends.

    Args:
        judge: as ``--judge`` takes it.
        log: file for the server's output.
        options: further ones of ``flex-reward serve``, e.g. ``("--votes", "3")``.
        timeout_s: how long its start may take, in seconds.

    Raises:
        EngineError: the server ended, or was not ready in time; its log's end is in the message.
    """
    serve = [sys.executable, "-m", "reward.cli", "serve", "--judge", judge, "--port", "0"]
    command = [sys.executable, "-m", "rl_recipes.guard", *serve, *options]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # a group of its own, which its engine's processes share
        )
        try:
            yield _wait_ready(process, log, timeout_s)
        finally:
            try:
                process.communicate(timeout=_STOP_S)  # whose closing of the pipe stops the server
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_ready(process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8", errors="replace")
        ready = _READY.search(text)
        if ready:
            return ready.group(1)
        if process.poll() is not None:
            raise EngineError(
                f"the reward server ended with status {process.returncode}; its log ({log}) ends:\n"
                + text[-2000:]
            )
        time.sleep(_POLL_S)
    raise EngineError(f"the reward server was not ready within {timeout_s:g} s; see {log}")
