"""What a ``judge.toml`` holds: prompts and decoding, checked as they are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from judge.errors import JudgeFolderError
from judge.types import ProtocolName

MoleculeView = Literal["card", "drawing", "embeddings"]
"""How a molecule is shown: SMILES with computed properties, a picture, or an encoder's vectors."""

EncoderKind = Literal["fingerprint"]
"""Kinds of molecule encoder: see :data:`judge.encoders.ENCODERS`."""

MAX_VOTES = 64
MAX_SLOTS = 256


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a verdict is sampled.

    ``temperature`` 0 is greedy; ``max_tokens`` bounds each reply. ``votes`` replies are taken (in
    each order, with ``both_orders``) and become one verdict by their ``vote``. A reply that cannot
    be read is asked again ``reasks`` times. With ``soft``, scores are soft scores.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0
    votes: int = 1
    vote: Literal["mean", "median", "majority"] = "mean"
    both_orders: bool = False
    reasks: int = 1
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ProtocolPrompts:
    """The texts of one protocol.

    ``system`` and ``user`` are templates in the protocol's placeholders; ``candidate`` is put in
    once a candidate, ``reference`` where the request has one, ``no_ties`` where its rubric forbids
    ties. ``prefill`` opens the judge's reply (it counts as part of it), and generation stops after
    a text of ``stop``.
    """

    system: str
    user: str
    candidate: str = "{text}"
    reference: str = ""
    no_ties: str = ""
    prefill: str = ""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The molecule encoder in a judge folder.

    ``file`` is the path of its weights, in a subfolder: engines take every safetensors file beside
    a checkpoint's own for part of the checkpoint. ``slots`` is how many places of the prompt one
    molecule takes.
    """

    kind: EncoderKind
    file: str
    slots: int


@dataclass(frozen=True, slots=True)
class JudgeProfile:
    """What ``judge.toml`` holds."""

    name: str
    version: str
    base_model: str
    modalities: tuple[str, ...]
    molecules: MoleculeView
    protocols: MappingProxyType[ProtocolName, ProtocolPrompts]
    decoding: Decoding
    source: str = field(repr=False)
    """The file's text, as it goes into the fingerprint."""
    molecule_encoder: EncoderSettings | None = None


_ENDS = {"low", "high", "count", "ties", "options"}
_PLACEHOLDERS = {
    "system": _ENDS,
    "user": _ENDS | {"criteria", "question", "reference", "candidates"},
    "candidate": {"number", "letter", "text"},
    "reference": {"text"},
}
_NEEDED = {
    "system": set(),
    "user": {"criteria", "question", "candidates"},
    "candidate": {"text"},
    "reference": {"text"},
}
MODALITIES = ("text", "image", "video", "audio", "molecule")


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


def make_decoding(values: Mapping[str, object]) -> Decoding:
    """Decoding of these fields; the rest keep their defaults.

    Raises:
        JudgeFolderError: no such field, or a value that is none.
    """
    for name, value in values.items():
        if name not in _FIELDS:
            raise JudgeFolderError(f"no decoding field {name!r}: expected {', '.join(_FIELDS)}")
        expected, is_right = _FIELDS[name]
        if not is_right(value):
            raise JudgeFolderError(f"decoding.{name} takes {expected}, got {value!r}")
    decoding = Decoding(**values)  # type: ignore[arg-type]  # checked above
    if decoding.votes > 1 and decoding.temperature == 0:
        raise JudgeFolderError(
            f"{decoding.votes} votes at temperature 0 would all be the same; "
            "give a temperature above 0, e.g. 0.7"
        )
    return decoding


def _number(low: float, high: float) -> tuple[str, Callable[[object], bool]]:
    def is_right(value: object) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and low <= float(str(value)) <= high

    return f"a number from {low:g} to {high:g}", is_right


def _whole(low: int, high: int) -> tuple[str, Callable[[object], bool]]:
    def is_right(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return f"a whole number from {low} to {high}", is_right


def _one_of(*values: object) -> tuple[str, Callable[[object], bool]]:
    def is_right(value: object) -> bool:
        return any(value is each or (isinstance(value, str) and value == each) for each in values)

    return f"one of {', '.join(map(str, values))}", is_right


_FIELDS = {
    "temperature": _number(0.0, 2.0),
    "top_p": _number(1e-6, 1.0),
    "max_tokens": _whole(1, 1_000_000),
    "seed": _whole(0, 2**62),
    "votes": _whole(1, MAX_VOTES),
    "vote": _one_of("mean", "median", "majority"),
    "both_orders": _one_of(True, False),
    "reasks": _whole(0, 8),
    "soft": _one_of(True, False),
}


def parse_profile(source: str) -> JudgeProfile:
    """The profile in the text of a ``judge.toml``.

    Raises:
        tomllib.TOMLDecodeError, JudgeFolderError: the text does not hold one.
    """
    table = tomllib.loads(source)
    about = _table(table, "judge")
    protocols = _table(table, "protocols")
    modalities = _texts("modalities", about.get("modalities", ["text"]))
    if not set(modalities) <= set(MODALITIES):
        raise JudgeFolderError(f"modalities are of {', '.join(MODALITIES)}, got {modalities}")
    molecules = _text(about, "molecules", "card")
    if molecules not in get_args(MoleculeView):
        raise JudgeFolderError(
            f"molecules are shown as one of {', '.join(get_args(MoleculeView))}, got {molecules!r}"
        )
    if molecules == "drawing" and "image" not in modalities:
        raise JudgeFolderError("molecules shown as drawings need 'image' among the modalities")
    unknown = set(protocols) - set(get_args(ProtocolName))
    if unknown:
        expected = ", ".join(get_args(ProtocolName))
        raise JudgeFolderError(f"no protocol {', '.join(sorted(unknown))}: expected {expected}")
    return JudgeProfile(
        name=_text(about, "name"),
        version=_text(about, "version", "1"),
        base_model=_text(about, "base_model", ""),
        modalities=modalities,
        molecules=molecules,  # type: ignore[arg-type]  # checked above
        protocols=MappingProxyType(
            {
                name: _prompts(_table(protocols, name))
                for name in get_args(ProtocolName)
                if name in protocols
            }
        ),
        decoding=make_decoding(_table(table, "decoding") if "decoding" in table else {}),
        source=source,
        molecule_encoder=(
            _encoder(_table(table, "molecule_encoder")) if "molecule_encoder" in table else None
        ),
    )


def _encoder(table: dict[str, Any]) -> EncoderSettings:
    kind, file, slots = _text(table, "kind"), _text(table, "file"), table.get("slots")
    if kind not in get_args(EncoderKind):
        raise JudgeFolderError(
            f"a molecule encoder is one of {', '.join(get_args(EncoderKind))}, got {kind!r}"
        )
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*\.safetensors", file):
        raise JudgeFolderError(
            "a molecule encoder is a .safetensors file in a subfolder, such as "
            f"'molecule_encoder/model.safetensors', got {file!r}"
        )
    expected, is_right = _whole(1, MAX_SLOTS)
    if not is_right(slots):
        raise JudgeFolderError(f"molecule_encoder.slots takes {expected}, got {slots!r}")
    unknown = set(table) - {each.name for each in fields(EncoderSettings)}
    if unknown:
        raise JudgeFolderError(f"[molecule_encoder] has no {', '.join(sorted(unknown))}")
    return EncoderSettings(kind, file, int(table["slots"]))  # type: ignore[arg-type]  # checked


def _prompts(table: dict[str, Any]) -> ProtocolPrompts:
    for name, allowed in _PLACEHOLDERS.items():
        named = set(re.findall(r"\{(\w+)\}", table.get(name, "")))
        if name in table and not _NEEDED[name] <= named <= allowed:
            raise JudgeFolderError(
                f"prompt {name!r} may name {sorted(allowed)} and has to name "
                f"{sorted(_NEEDED[name])}, it names {sorted(named)}"
            )
    unknown = set(table) - {field.name for field in fields(ProtocolPrompts)}
    if unknown:
        raise JudgeFolderError(f"a protocol has no {', '.join(sorted(unknown))}")
    return ProtocolPrompts(
        system=_text(table, "system"),
        user=_text(table, "user"),
        candidate=_text(table, "candidate", "{text}"),
        reference=_text(table, "reference", ""),
        no_ties=_text(table, "no_ties", ""),
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
