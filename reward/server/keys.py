"""API keys: made once, kept as hashes in a file, and known again while that file changes.

A key is 256 random bits, which nobody can guess or search. So its plain SHA-256 may lie in a file
that leaks; a slow hash would protect no better, and cost time with each request.

    # trainers
    run-7:0a4d55a8d778e5022fab701977c5d840bbc486d0b2b2b0b3a2c1e4f5a6978899
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from reward.errors import ServerConfigError

logger = logging.getLogger(__name__)

_HEADER = "# API keys of a reward server, name:sha256; made by `flex-reward keys add NAME`\n"
_LINE = re.compile(r"(?P<name>[\w.@-]{1,64}):(?P<hash>[0-9a-f]{64})", re.ASCII)
_PREFIX = "flexreward_"
"""By which scanners of repositories find a key that was committed."""
_CHECK_S = 1.0
"""Least time between looks at the file."""


class KeyFile:
    """The keys in a file, which may change under a running server.

    A file that cannot be read, or holds a line that is none, leaves the last good keys in force,
    and the log says so. One that was emptied by ``flex-reward keys remove`` lets nobody in.

    Args:
        path: the file.
        clock: seconds, of which ``_CHECK_S`` pass between looks at the file.

    Raises:
        ServerConfigError: it cannot be read, or holds no key.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._stamp = _stamp(path)
        self._hashes = read_keys(path)
        self._looked_at = clock()
        if not self._hashes:
            raise ServerConfigError(
                f"{path} holds no API key: make one with `flex-reward keys add NAME`"
            )

    def name_of(self, key: str) -> str | None:
        """The name of that key, or None where it is not one of the file's.

        Takes as long whether and whichever key it is.
        """
        self._look()
        given = _hash(key)
        found = None
        for name, known in self._hashes.items():
            if hmac.compare_digest(given, known):
                found = name
        return found

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at < _CHECK_S:
            return
        self._looked_at = now
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._hashes = read_keys(self._path)
        except ServerConfigError as error:
            logger.error("%s; the keys read before stay in force", error)
            return
        logger.info("read %d API keys: %s", len(self._hashes), ", ".join(self._hashes))


def read_keys(path: Path) -> dict[str, str]:
    """The SHA-256 of each key, in hex, by the key's name.

    Raises:
        ServerConfigError: the file cannot be read, is empty, or a line is not one. The message
            quotes none, as it may be a key itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ServerConfigError(f"the API keys in {path} cannot be read: {error}") from error
    if not text.strip():  # one that is being written by other means
        raise ServerConfigError(f"the API keys in {path} cannot be read: it is empty")
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        match = _LINE.fullmatch(entry)
        if entry and (match is None or match["name"] in hashes):
            raise ServerConfigError(
                f"line {number} of the API keys in {path} is not 'name:sha256' with a name of its "
                "own; lines are written by `flex-reward keys add NAME`"
            )
        if match:
            hashes[match["name"]] = match["hash"]
    return hashes


def add_key(path: Path, name: str) -> str:
    """A new key of that name, whose hash is added to the file.

    Raises:
        ServerConfigError: the name is taken or is none, or the file cannot be read or written.
    """
    hashes = read_keys(path) if path.exists() else {}
    if name in hashes:
        raise ServerConfigError(
            f"{path} holds a key named {name!r}: remove that first, or take another name to have "
            "both for a while"
        )
    if not _LINE.fullmatch(f"{name}:{'0' * 64}"):
        raise ServerConfigError(
            f"{name!r} is no name of a key: expected up to 64 letters, digits and . _ @ -"
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    _write(path, {**hashes, name: _hash(key)})
    return key


def remove_key(path: Path, name: str) -> None:
    """Takes a key out of the file; servers refuse it within a second or two.

    Raises:
        ServerConfigError: there is none of that name, or the file cannot be read or written.
    """
    hashes = read_keys(path)
    if name not in hashes:
        raise ServerConfigError(
            f"{path} holds no key named {name!r}: expected one of {', '.join(hashes) or 'none'}"
        )
    _write(path, {other: known for other, known in hashes.items() if other != name})


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes with the file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _write(path: Path, hashes: Mapping[str, str]) -> None:
    """The whole file at once, so that a server never reads a part of it."""
    lines = [f"{name}:{known}\n" for name, known in hashes.items()]
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:  # for its owner alone
            file.write(_HEADER + "".join(lines))
        Path(temporary).replace(path)
    except OSError as error:
        raise ServerConfigError(f"the API keys cannot be written to {path}: {error}") from error
