"""What a ``judge.toml`` holds: prompts and decoding, checked as they are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from judge.errors import JudgeFolderError


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a verdict is sampled. ``temperature`` 0 is greedy; ``max_tokens`` bounds the reply."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProtocolPrompts:
    """The texts of one protocol.

    ``system`` and ``user`` are templates in the protocol's placeholders, ``reference`` is put in
    where the request has one, ``prefill`` opens the judge's reply (it counts as part of it), and
    generation stops after a text of ``stop``.
    """

    system: str
    user: str
    reference: str = ""
    prefill: str = ""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgeProfile:
    """What ``judge.toml`` holds."""

    name: str
    version: str
    base_model: str
    modalities: tuple[str, ...]
    protocols: MappingProxyType[str, ProtocolPrompts]
    decoding: Decoding
    source: str = field(repr=False)
    """The file's text, as it goes into the fingerprint."""


_PLACEHOLDERS = {
    "system": {"low", "high"},
    "user": {"low", "high", "criteria", "question", "reference", "candidate"},
    "reference": {"text"},
}
_NEEDED = {"system": set(), "user": {"criteria", "question", "candidate"}, "reference": {"text"}}


def read_profile(path: Path) -> JudgeProfile:
    """The profile in a ``judge.toml``.

    Raises:
        JudgeFolderError: the file cannot be read or does not hold one; the message says where.
    """
    try:
        source = path.read_text(encoding="utf-8")
        return parse_profile(source)
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeFolderError(f"{path} cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, JudgeFolderError) as error:
        raise JudgeFolderError(f"{path} does not hold a judge: {error}") from error


def make_decoding(fields: Mapping[str, object]) -> Decoding:
    """Decoding of these fields; the rest keep their defaults.

    Raises:
        JudgeFolderError: no such field, or a value that is none.
    """
    ranges = {
        "temperature": (float, 0.0, 2.0),
        "top_p": (float, 1e-6, 1.0),
        "max_tokens": (int, 1, 1_000_000),
        "seed": (int, 0, 2**63),
    }
    for name, value in fields.items():
        if name not in ranges:
            raise JudgeFolderError(f"no decoding field {name!r}: expected {', '.join(ranges)}")
        kind, low, high = ranges[name]
        kinds = (int,) if kind is int else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
            raise JudgeFolderError(
                f"decoding.{name} takes {kind.__name__} from {low:g} to {high:g}, got {value!r}"
            )
    return Decoding(**fields)  # type: ignore[arg-type]  # checked above


def parse_profile(source: str) -> JudgeProfile:
    """The profile in the text of a ``judge.toml``.

    Raises:
        tomllib.TOMLDecodeError, JudgeFolderError: the text does not hold one.
    """
    table = tomllib.loads(source)
    about = _table(table, "judge")
    protocols = _table(table, "protocols")
    modalities = about.get("modalities", ["text"])
    return JudgeProfile(
        name=_text(about, "name"),
        version=_text(about, "version", "1"),
        base_model=_text(about, "base_model", ""),
        modalities=_texts("modalities", modalities),
        protocols=MappingProxyType({name: _prompts(_table(protocols, name)) for name in protocols}),
        decoding=make_decoding(_table(table, "decoding") if "decoding" in table else {}),
        source=source,
    )


def _prompts(table: dict[str, Any]) -> ProtocolPrompts:
    for name, allowed in _PLACEHOLDERS.items():
        named = set(re.findall(r"\{(\w+)\}", table.get(name, "")))
        if name in table and not _NEEDED[name] <= named <= allowed:
            raise JudgeFolderError(
                f"prompt {name!r} may name {sorted(allowed)} and has to name "
                f"{sorted(_NEEDED[name])}, it names {sorted(named)}"
            )
    return ProtocolPrompts(
        system=_text(table, "system"),
        user=_text(table, "user"),
        reference=_text(table, "reference", ""),
        prefill=_text(table, "prefill", ""),
        stop=_texts("stop", table.get("stop", [])),
    )


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name)
    if not isinstance(value, dict):
        raise JudgeFolderError(f"expected a table [{name}], got {value!r}")
    return value


def _text(table: dict[str, Any], name: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str):
        raise JudgeFolderError(f"{name!r} has to be a string, got {value!r}")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise JudgeFolderError(f"{name!r} has to be a list of strings, got {value!r}")
    return tuple(value)
