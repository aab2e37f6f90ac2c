"""Pictures read from the folders that the server was told of, and from nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from judge.errors import MediaError
from reward.errors import ServerConfigError


class LocalPictures:
    """Reads files under some folders. Symbolic links are followed, and may not lead out of them.

    A path is resolved and checked before anything is opened, so that nothing outside is touched.
    As a link may be changed in between, what was opened is checked again, by the name that the
    kernel has for it, before it is read: the file that is read is the file that was checked.

    A hard link to a file elsewhere looks like any other file: only those whom the server's user
    trusts may write to these folders.

    Args:
        roots: the folders.
        max_bytes: of one file.

    Raises:
        ServerConfigError: a root is not a folder.
    """

    def __init__(self, roots: Iterable[Path], max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._roots: list[Path] = []
        for root in roots:
            if not root.is_dir():
                raise ServerConfigError(f"no folder of pictures at {root} (image_roots)")
            self._roots.append(root.resolve())

    def read(self, path: str) -> bytes:
        """The file at an absolute path.

        Raises:
            MediaError: it is outside of the folders, cannot be read, or is too large.
        """
        try:
            resolved = Path(path).resolve()
            self._check(resolved, path)
            descriptor = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123  # which closes it
                self._check(Path(os.readlink(f"/proc/self/fd/{descriptor}")), path)  # noqa: PTH115
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise MediaError(f"no picture can be read at {path[:200]!r}: not a file")
                data = file.read(self._max_bytes + 1)
        except (OSError, RuntimeError, ValueError) as error:
            # RuntimeError: links in a circle; ValueError: a null character in the path
            raise MediaError(f"no picture can be read at {path[:200]!r}: {error}") from error
        if len(data) > self._max_bytes:
            raise MediaError(f"{path[:200]!r} is over the limit of {self._max_bytes} bytes")
        return data

    def _check(self, resolved: Path, path: str) -> None:
        if not any(resolved.is_relative_to(root) for root in self._roots):
            raise MediaError(
                f"{path[:200]!r} is not under one of the folders that this server reads pictures "
                "from (--image-root)"
            )
