"""The lines of a long run on disk, in numbered files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from judge.errors import RequestError


@dataclass(frozen=True, slots=True)
class Shards:
    """One line a row of a table; each file holds those of ``rows`` rows, the last one's the rest.

    Files may be made in any order.
    """

    folder: Path
    rows: int

    def path(self, number: int) -> Path:
        """Of the file with the rows from ``number * rows`` on."""
        return self.folder / f"{number:06d}.jsonl"

    def done(self) -> frozenset[int]:
        """Numbers of the files that are there."""
        return frozenset(int(path.stem) for path in self.folder.glob("*.jsonl"))

    def lines(self, start: int = 0) -> Iterator[str]:
        """The lines from that row's on, up to the first file that lacks."""
        number, skipped = divmod(start, self.rows)
        while self.path(number).exists():
            with self.path(number).open(encoding="utf-8") as lines:
                yield from islice(lines, skipped, None)
            number, skipped = number + 1, 0

    def clean(self) -> None:
        """Removes what a killed run left half written."""
        for part in self.folder.glob("*.part"):
            part.unlink()

    def check_whole(self) -> None:
        """Raises RequestError where a file lacks between others."""
        missing = set(range(len(self.done()))) - self.done()
        if missing:
            raise RequestError(
                f"{self.path(min(missing))} is missing, and later ones are there: run the same "
                "command again to have its rows made"
            )


class ShardWriter:
    """Writes lines that come in the order of their rows into files of shards."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._file: TextIO | None = None
        self._number = -1
        shards.folder.mkdir(parents=True, exist_ok=True)

    def ends_before(self, row: int) -> bool:
        """Whether the file that is being written has to be finished before that row's line."""
        return self._file is not None and row // self._shards.rows != self._number

    def write(self, row: int, line: str) -> None:
        if self._file is None:
            self._number = row // self._shards.rows
            self._file = self._part.open("w", encoding="utf-8")
        self._file.write(line + "\n")

    def finish(self) -> None:
        """Puts the file that is being written in its place, if there is one."""
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._shards.path(self._number))
        self._file = None

    def close(self) -> None:
        """Gives up what was not finished."""
        if self._file is not None:
            self._file.close()
            self._part.unlink()
            self._file = None

    @property
    def _part(self) -> Path:
        # Two workers may make the same file, after one was given up for dead.
        return self._shards.path(self._number).with_suffix(f".{os.getpid()}.part")
