"""Ages and sizes as people write them: ``30d``, ``2GB``."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}
_QUANTITY = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[A-Za-z]+)", re.ASCII)


def parse_age(text: str) -> float:
    """Seconds in ``45s``, ``90m``, ``12h``, ``30d`` or ``2w``.

    Raises:
        ValueError: another text.
    """
    return _parse(text, _SECONDS, "an age such as 12h, 30d or 2w")


def parse_size(text: str) -> int:
    """Bytes in ``500MB`` (of 1000² bytes), ``2GB`` or ``2GiB`` (of 1024³).

    Raises:
        ValueError: another text.
    """
    return int(_parse(text, _BYTES, "a size such as 500MB, 2GB or 2GiB"))


def _parse(text: str, units: dict[str, int], expected: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"] not in units:
        raise ValueError(f"expected {expected} (units: {', '.join(units)}), got {text!r}")
    return float(match["number"]) * units[match["unit"]]
