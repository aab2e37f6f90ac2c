"""A judge on disk: a Hugging Face checkpoint whose ``judge.toml`` carries prompts and decoding.

As a chat template travels with a tokenizer, a judge's prompts travel with its weights. A
checkpoint without a ``judge.toml`` takes a built-in profile (``judge/profiles/``). A folder that
holds a LoRA adapter (PEFT's ``adapter_config.json``) names the checkpoint that it adapts.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from judge.errors import JudgeFolderError
from judge.profile import Decoding, JudgeProfile, ProtocolPrompts, make_decoding, read_profile

_PROFILES = Path(__file__).parent / "profiles"
_EMBEDDED = Path(__file__).parent / "nano" / "weights"
_HUB_PROFILES = {"jongwooko/flex-vl-7b": "flex-vl", "jongwooko/flex-omni-7b": "flex-omni"}
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
FILE = "judge.toml"
ADAPTER_FILE = "adapter_config.json"
"""What makes a folder a PEFT adapter."""

logger = logging.getLogger(__name__)

__all__ = ["Decoding", "JudgeFolder", "JudgeProfile", "ProtocolPrompts", "open_judge"]


@dataclass(frozen=True, slots=True)
class JudgeFolder:
    """A profile and where its weights are.

    ``weights`` is a local path, or a hub id that the engine resolves; ``adapter`` the path of a
    LoRA adapter over them, if the judge is one.
    """

    profile: JudgeProfile
    weights: str
    adapter: str | None = None

    def fingerprint(self, engine: str) -> str:
        """Sixteen hex digits that change with prompts, decoding, weights or ``engine``.

        ``engine`` names the engine and its number format, e.g. ``"vllm/bfloat16"``. Weights and
        adapter are told by the bytes of their files, or by the hub id where they are not local.
        """
        digest = hashlib.sha256()
        decoding = repr(self.profile.decoding)
        parts = [self.profile.source, decoding, weights_id(self.weights), engine]
        if self.adapter is not None:
            parts.append(weights_id(self.adapter))
        for part in parts:
            digest.update(part.encode())
            digest.update(b"\0")
        return digest.hexdigest()[:16]


def open_judge(judge: str | Path, **decoding: object) -> JudgeFolder:
    """The judge of that name: an embedded one (``nano``), a folder, or a hub id.

    Args:
        judge: ``"nano"`` and its siblings, the path of a folder, or ``owner/name`` of the hub.
        decoding: fields of :class:`Decoding` to set over the judge's own.

    Raises:
        JudgeFolderError: nothing there, a ``judge.toml`` that does not hold together, an adapter
            without its base, or no such field of decoding.
    """
    name = str(judge)
    is_embedded = name == "nano" or name in embedded_judges()
    path = _EMBEDDED / ("nano-judge" if name == "nano" else name) if is_embedded else Path(name)
    if path.is_dir():
        folder = _open_folder(path)
    elif _HUB_ID.fullmatch(name):
        folder = JudgeFolder(_hub_profile(name), name)
    else:
        raise JudgeFolderError(
            f"no judge {name!r}: expected nano, {', '.join(embedded_judges())}, "
            "the path of a checkpoint folder, or a hub id such as jongwooko/Flex-VL-7B"
        )
    if not decoding:
        return folder
    own = folder.profile
    overridden = make_decoding({**asdict(own.decoding), **decoding})
    return replace(folder, profile=replace(own, decoding=overridden))


def _open_folder(folder: Path) -> JudgeFolder:
    if not (folder / ADAPTER_FILE).is_file():
        return JudgeFolder(_profile_of(folder), str(folder))
    base = _base_of(folder)
    if (folder / FILE).is_file():
        profile = read_profile(folder / FILE)
    else:
        profile = _profile_of(Path(base)) if Path(base).is_dir() else _hub_profile(base)
    return JudgeFolder(profile, base, adapter=str(folder))


def _base_of(adapter: Path) -> str:
    """The weights that an adapter is for: path of a checkpoint, or a hub id.

    PEFT writes down the base's name or path. A relative one is looked for in the adapter's folder
    first, and an embedded checkpoint may be named, so that an adapter can be moved.
    """
    path = adapter / ADAPTER_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, base = config.get("peft_type"), config.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise JudgeFolderError(f"{path} cannot be read: {error}") from error
    if kind != "LORA":
        raise JudgeFolderError(f"{path}: expected peft_type LORA, the one engines run, got {kind}")
    if not base or not isinstance(base, str):
        raise JudgeFolderError(f"{path}: expected a name in base_model_name_or_path, got {base!r}")
    for local in (adapter / base, Path(base), _EMBEDDED / base):
        if (local / "config.json").is_file():
            return str(local)
    if not _HUB_ID.fullmatch(base):
        raise JudgeFolderError(
            f"{path} names the base {base!r}, which is neither a checkpoint folder nor a hub id; "
            "put the path of its base into base_model_name_or_path"
        )
    return base


def _hub_profile(hub_id: str) -> JudgeProfile:
    """The checkpoint's own ``judge.toml``, else the built-in profile for it."""
    path = _hub_file(hub_id)
    if path is not None:
        return read_profile(path)
    return builtin_profile(_HUB_PROFILES.get(hub_id.lower(), "default"))


def _hub_file(hub_id: str) -> Path | None:
    """The ``judge.toml`` of a hub checkpoint or None; with ``HF_HUB_OFFLINE`` set, a cached one."""
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import RemoteEntryNotFoundError
    except ImportError:  # a judge behind an API needs no Hugging Face package
        return None
    try:
        return Path(hf_hub_download(hub_id, FILE))
    except RemoteEntryNotFoundError:  # the usual case: a checkpoint that is no judge by itself
        return None
    except (OSError, ValueError) as error:  # no network, no such repository, an invalid id
        logger.warning("no %s of %s, a built-in profile takes its place: %s", FILE, hub_id, error)
        return None


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
    """Names of the judges whose folders ship with the package; ``nano`` is short for nano-judge."""
    return tuple(sorted(path.parent.name for path in _EMBEDDED.glob(f"*/{FILE}")))


@cache
def builtin_profile(name: str) -> JudgeProfile:
    """A profile that ships, one of the files in ``judge/profiles/`` by its name."""
    return read_profile(profile_path(name))


def profile_path(name: str) -> Path:
    return _PROFILES / f"{name}.toml"


def weights_id(weights: str) -> str:
    """What tells weights, a folder or a hub id, from others: a hash of its files, or the id."""
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
