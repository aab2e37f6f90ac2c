"""A judge on disk: a Hugging Face checkpoint whose ``judge.toml`` carries prompts and decoding.

As a chat template travels with a tokenizer, a judge's prompts travel with its weights. A
checkpoint without a ``judge.toml`` takes a built-in profile (``judge/profiles/``).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from judge.errors import JudgeFolderError
from judge.profile import Decoding, JudgeProfile, ProtocolPrompts, make_decoding, read_profile

_PROFILES = Path(__file__).parent / "profiles"
_EMBEDDED = Path(__file__).parent / "nano" / "weights"
_FLEX_JUDGE = "flex-judge"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
FILE = "judge.toml"

__all__ = ["Decoding", "JudgeFolder", "JudgeProfile", "ProtocolPrompts", "open_judge"]


@dataclass(frozen=True, slots=True)
class JudgeFolder:
    """A profile and where its weights are: a local path, or a hub id that the engine resolves."""

    profile: JudgeProfile
    weights: str

    def fingerprint(self, engine: str) -> str:
        """Sixteen hex digits that change with prompts, decoding, weights or ``engine``.

        ``engine`` names the engine and its number format, e.g. ``"vllm/bfloat16"``. Weights are
        told by the bytes of their files, or by the hub id where they are not local.
        """
        digest = hashlib.sha256()
        decoding = repr(self.profile.decoding)
        for part in (self.profile.source, decoding, _weights_id(self.weights), engine):
            digest.update(part.encode())
            digest.update(b"\0")
        return digest.hexdigest()[:16]


def open_judge(judge: str | Path, **decoding: object) -> JudgeFolder:
    """The judge of that name: an embedded one (``nano``), a folder, or a hub id.

    Args:
        judge: ``"nano"`` and its siblings, the path of a folder, or ``owner/name`` of the hub.
        decoding: fields of :class:`Decoding` to set over the judge's own.

    Raises:
        JudgeFolderError: nothing there, a ``judge.toml`` that does not hold together, or no such
            field of decoding.
    """
    name = str(judge)
    is_embedded = name == "nano" or name in embedded_judges()
    path = _EMBEDDED / ("nano-judge" if name == "nano" else name) if is_embedded else Path(name)
    if path.is_dir():
        profile, weights = _profile_of(path), str(path)
    elif _HUB_ID.fullmatch(name):
        profile = builtin_profile(_FLEX_JUDGE if "/flex-" in name.lower() else "default")
        weights = name
    else:
        raise JudgeFolderError(
            f"no judge {name!r}: expected nano, {', '.join(embedded_judges())}, "
            "the path of a checkpoint folder, or a hub id such as jongwooko/Flex-VL-7B"
        )
    if decoding:
        profile = replace(profile, decoding=make_decoding({**asdict(profile.decoding), **decoding}))
    return JudgeFolder(profile, weights)


def _profile_of(folder: Path) -> JudgeProfile:
    if (folder / FILE).is_file():
        return read_profile(folder / FILE)
    if not (folder / "config.json").is_file():
        raise JudgeFolderError(
            f"{folder} holds neither {FILE} nor config.json: not a judge and not a checkpoint"
        )
    return builtin_profile("default")


def embedded_checkpoint(name: str) -> Path:
    """The folder of a checkpoint that ships, judge or policy, e.g. ``nano-captioner``.

    Raises:
        JudgeFolderError: none of that name.
    """
    if not (_EMBEDDED / name / "config.json").is_file():
        names = sorted(path.parent.name for path in _EMBEDDED.glob("*/config.json"))
        raise JudgeFolderError(
            f"no embedded checkpoint {name!r}: expected one of {', '.join(names)}"
        )
    return _EMBEDDED / name


def embedded_judges() -> tuple[str, ...]:
    """Names of the judges whose weights ship with the package; ``nano`` is short for nano-judge."""
    return tuple(sorted(path.parent.name for path in _EMBEDDED.glob(f"*/{FILE}")))


@cache
def builtin_profile(name: str) -> JudgeProfile:
    """A profile that ships, one of the files in ``judge/profiles/`` by its name."""
    return read_profile(profile_path(name))


def profile_path(name: str) -> Path:
    return _PROFILES / f"{name}.toml"


def _weights_id(weights: str) -> str:
    """What tells these weights from others: a hash of the folder's files, or the hub id."""
    folder = Path(weights)
    if not folder.is_dir():
        return weights
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.name not in {FILE, "README.md"}:  # the one counts apart, the other not at all
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
