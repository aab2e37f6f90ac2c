"""Molecules as vectors: encoders whose embeddings stand in a judge's prompt.

An encoder is trained together with its judge and travels in its folder; a user's own one is any
object that fits :class:`MoleculeEncoder`, given as the engine option ``molecule_encoder``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from judge.errors import EngineError, JudgeFolderError, MissingExtraError
from judge.molecules import PROPERTIES, Number, molecule_card, read_molecule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from judge.folder import JudgeFolder

    Floats = NDArray[np.float32]


class MoleculeEncoder(Protocol):
    """Turns molecules into vectors of the judge model's width."""

    @property
    def slots(self) -> int:
        """Places that one molecule takes in the prompt, 1 or more."""
        ...

    @property
    def hidden_size(self) -> int:
        """Width of the judge model's token embeddings."""
        ...

    @property
    def identity(self) -> str:
        """What tells this encoder and its weights from another: part of a judge's fingerprint."""
        ...

    def encode(self, smiles: Sequence[str]) -> Floats:
        """Embeddings of valid molecules, in their order.

        Returns:
            Float32 of shape (molecules, ``slots``, ``hidden_size``), all finite.
        """
        ...


def embed_molecules(encoder: MoleculeEncoder, smiles: Sequence[str]) -> tuple[Floats | None, ...]:
    """What an encoder makes of molecules, checked: float32 of shape (``slots``, ``hidden_size``).

    None stands in the place of each that is not a valid molecule; the encoder is not shown those.

    Raises:
        EngineError: the encoder failed, or gave something else than it says.
    """
    import numpy as np

    valid = [each for each in smiles if read_molecule(each) is not None]
    if not valid:
        return (None,) * len(smiles)
    try:
        rows: Any = encoder.encode(valid)
    except Exception as error:  # a user's own code
        raise EngineError(f"the molecule encoder {encoder.identity} failed: {error}") from error
    expected = (len(valid), encoder.slots, encoder.hidden_size)
    if not isinstance(rows, np.ndarray) or rows.shape != expected or rows.dtype != np.float32:
        got = (
            f"{rows.dtype} of shape {rows.shape}"
            if isinstance(rows, np.ndarray)
            else type(rows).__name__
        )
        raise EngineError(
            f"the molecule encoder {encoder.identity} has to give float32 of shape {expected} "
            f"(molecules, slots, hidden_size), it gave {got}"
        )
    if not np.isfinite(rows).all():
        raise EngineError(
            f"the molecule encoder {encoder.identity} gave numbers that are not finite"
        )
    following = iter(rows)
    valid_ones = set(valid)
    return tuple(next(following) if each in valid_ones else None for each in smiles)


BITS = 512
RADIUS = 2
LEVELS = {
    name: range(-60, 121) if name == "logP" else range(64)  # logP in tenths
    for name in PROPERTIES
}
"""The values of a property that are told apart; what lies outside counts as the nearest of them."""
FEATURES = BITS + sum(map(len, LEVELS.values()))


def molecule_features(smiles: str) -> Floats:
    """What :class:`FingerprintEncoder` knows of a molecule, float32 of shape (FEATURES,).

    The logarithm of one plus each count of a folded Morgan fingerprint (Rogers and Hahn, 2010),
    then a 1 among zeros for each property of its card, at the property's level: of a bare number, a
    small network could not tell two neighbours.

    Raises:
        ValueError: not a valid molecule.
    """
    import numpy as np

    molecule, card = read_molecule(smiles), molecule_card(smiles)
    if molecule is None or card is None:
        raise ValueError(f"not a molecule: {smiles[:80]!r}")
    counts = _morgan().GetCountFingerprintAsNumPy(molecule)
    properties = [_one_hot(name, value) for name, value in card.properties.items()]
    return np.asarray(np.concatenate([np.log1p(counts), *properties]), np.float32)


def _one_hot(name: str, value: Number) -> Floats:
    import numpy as np

    levels = LEVELS[name]
    level = round(value * 10) if name == "logP" else int(value)
    found = np.zeros(len(levels), np.float32)
    found[min(max(level, levels[0]), levels[-1]) - levels[0]] = 1
    return found


@cache
def _morgan() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)


@dataclass(frozen=True, slots=True, eq=False)
class FingerprintEncoder:
    """A small encoder: molecule features, one hidden layer (ReLU), then all slots at once.

    Weights are float32: ``mean`` and ``scale`` of shape (FEATURES,), by which features are made
    alike; ``hidden_weight`` (width, FEATURES), ``hidden_bias`` (width,), ``output_weight``
    (slots * hidden_size, width) and ``output_bias`` (slots * hidden_size,), as PyTorch's linear
    layers hold them.
    """

    slots: int
    hidden_size: int
    identity: str
    weights: dict[str, Floats] = field(repr=False)

    @classmethod
    def load(cls, path: Path, slots: int) -> FingerprintEncoder:
        """The encoder in a safetensors file.

        Raises:
            JudgeFolderError: no such file, or its tensors do not fit together.
            MissingExtraError: the package safetensors is not installed.
        """
        try:
            from safetensors import SafetensorError
            from safetensors.numpy import load
        except ImportError as error:
            raise MissingExtraError("safetensors", "molecules") from error
        try:
            data = path.read_bytes()
            weights = load(data)
        except (OSError, SafetensorError) as error:
            raise JudgeFolderError(f"{path} does not hold a molecule encoder: {error}") from error
        hidden_size = _checked_size(weights, slots, path)
        identity = f"fingerprint/{hashlib.sha256(data).hexdigest()[:16]}"
        return cls(slots, hidden_size, identity, weights)

    def encode(self, smiles: Sequence[str]) -> Floats:
        import numpy as np

        own = self.weights
        features = np.stack([molecule_features(each) for each in smiles])
        features = (features - own["mean"]) / own["scale"]
        hidden = np.maximum(features @ own["hidden_weight"].T + own["hidden_bias"], 0)
        output = hidden @ own["output_weight"].T + own["output_bias"]
        return np.asarray(output, np.float32).reshape(len(smiles), self.slots, self.hidden_size)


def _checked_size(weights: dict[str, Floats], slots: int, path: Path) -> int:
    """The width of an embedding.

    Raises:
        JudgeFolderError: the weights are not those of an encoder with so many slots.
    """
    width = weights["hidden_bias"].size if "hidden_bias" in weights else 0
    output = weights["output_bias"].size if "output_bias" in weights else 0
    expected = {
        "mean": (FEATURES,),
        "scale": (FEATURES,),
        "hidden_weight": (width, FEATURES),
        "hidden_bias": (width,),
        "output_weight": (output, width),
        "output_bias": (output,),
    }
    found = {name: tensor.shape for name, tensor in weights.items()}
    is_float = all(tensor.dtype == "float32" for tensor in weights.values())
    if found != expected or not is_float or not output or output % slots:
        raise JudgeFolderError(
            f"{path} does not hold an encoder of {slots} slots: "
            f"expected float32 of the shapes {expected}, found {found}"
        )
    return output // slots


ENCODERS = {"fingerprint": FingerprintEncoder}
"""Kinds of encoder that a ``judge.toml`` can name."""


def open_encoder(folder: JudgeFolder) -> MoleculeEncoder:
    """The encoder that a judge names in the table ``[molecule_encoder]``.

    Raises:
        JudgeFolderError: it names none, or one that cannot be loaded.
        MissingExtraError: a package that it needs is not installed.
    """
    settings = folder.profile.molecule_encoder
    if settings is None:
        raise JudgeFolderError(
            f"judge {folder.profile.name!r} shows molecules as embeddings and names no encoder: "
            "add the table [molecule_encoder] to its judge.toml, or give one as the engine option "
            "molecule_encoder"
        )
    beside = folder.adapter or folder.weights
    return ENCODERS[settings.kind].load(Path(beside, settings.file), settings.slots)
