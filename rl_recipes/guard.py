"""Runs a command that must not outlive whoever started it, however that one ends.

    python -m rl_recipes.guard COMMAND …

The command is stopped (SIGTERM) once this process's standard input ends: its starter holds the
other end of the pipe, which the system closes with the starter's last breath, ``kill -9`` included.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence


def main(command: Sequence[str]) -> int:
    """Runs the command until it ends or standard input does; returns its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the starter's business, who closes the pipe then
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    threading.Thread(target=_stop_after, args=(process,), daemon=True).start()
    return process.wait()


def _stop_after(process: subprocess.Popen[bytes]) -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns at the end
    process.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
