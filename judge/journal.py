"""The file that judged rows are written to one by one, so that a killed run can go on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

from judge.errors import RequestError
from judge.record import KEY

_CHUNK = 1 << 20


def resume_journal(path: Path, maker: dict[str, str | None], protocol: str | None) -> int:
    """Cuts a line that a kill left half written; returns the number of whole ones.

    Args:
        path: a file of JSON lines, each with its record.
        maker: fingerprints of judge and rubric that the records must have.
        protocol: the protocol of every row; None where rows name their own.

    Raises:
        RequestError: the file is not an unfinished run of the same judge, rubric and protocol.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = _last_newline(file, size)
        if end:
            start = _last_newline(file, end - 1)
            file.seek(start)
            _check_maker(path, file.read(end - start), maker, protocol)
        elif size:
            file.seek(0)
            if file.read(1) != b"{":
                raise RequestError(f"{path} is not a file of judged rows; write to another file")
        file.truncate(end)
        file.seek(0)
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))


def _last_newline(file: BinaryIO, before: int) -> int:
    """Offset right behind the last newline of the file's first ``before`` bytes; 0 without one."""
    while before > 0:
        start = max(0, before - _CHUNK)
        file.seek(start)
        found = file.read(before - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        before = start
    return 0


def _check_maker(
    path: Path, line: bytes, maker: dict[str, str | None], protocol: str | None
) -> None:
    expected = {**maker, "protocol": protocol}
    try:
        record = json.loads(line)[KEY]
        made_by = {name: record[name] for name in expected}
    except (ValueError, KeyError, TypeError):
        made_by = {}
    # A row that could not be read has no protocol; without the option, each row has its own.
    if made_by and None in (protocol, made_by["protocol"]):
        expected["protocol"] = made_by["protocol"]
    if made_by != expected:
        raise RequestError(
            f"{path} was made by {made_by or 'something else'}, and this run is {expected} "
            "(other weights, prompts, decoding, rubric or protocol); write to another file"
        )
