"""Encoders give what they say and see valid molecules alone; a judge folder names its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from judge import EngineError, JudgeFolderError, RequestError, open_judge
from judge.encoders import (
    BITS,
    FEATURES,
    LEVELS,
    FingerprintEncoder,
    embed_molecules,
    molecule_features,
    open_encoder,
)
from judge.engines import make_engine

safetensors = pytest.importorskip("safetensors.numpy", reason="an engine's package brings it")

SLOTS, HIDDEN, WIDTH = 2, 8, 5
FILE = "molecule_encoder/model.safetensors"
TABLE = f'[molecule_encoder]\nkind = "fingerprint"\nfile = "{FILE}"\nslots = {SLOTS}\n'


@dataclass
class Recorder:
    """An encoder of a user's own; it keeps what it was shown."""

    make: Callable[[int], Any] = lambda count: np.ones((count, SLOTS, HIDDEN), np.float32)
    slots: int = SLOTS
    hidden_size: int = HIDDEN
    identity: str = "recorder"
    shown: list[str] = field(default_factory=list)

    def encode(self, smiles: Sequence[str]) -> Any:
        self.shown += smiles
        return self.make(len(smiles))


def weights(seed: int = 0, **instead: Any) -> dict[str, Any]:
    draw = np.random.default_rng(seed).normal
    own = {
        "mean": draw(size=FEATURES),
        "scale": np.ones(FEATURES),
        "hidden_weight": draw(size=(WIDTH, FEATURES)),
        "hidden_bias": draw(size=WIDTH),
        "output_weight": draw(size=(SLOTS * HIDDEN, WIDTH)),
        "output_bias": draw(size=SLOTS * HIDDEN),
    }
    return {name: array.astype(np.float32) for name, array in own.items()} | instead


def saved(folder: Path, **changes: Any) -> Path:
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    safetensors.save_file(weights(**changes), path)
    return path


# --- any encoder --------------------------------------------------------------------------------


def test_rows_stand_in_the_order_of_the_molecules() -> None:
    encoder = Recorder(
        lambda count: np.arange(count * SLOTS * HIDDEN, dtype=np.float32).reshape(-1, SLOTS, HIDDEN)
    )
    rows = embed_molecules(encoder, ["CCO", "CC", "CCO"])
    assert [None if row is None else int(row[0, 0]) for row in rows] == [0, 16, 32]


def test_invalid_molecules_are_not_shown_and_the_others_keep_their_place() -> None:
    encoder = Recorder()
    rows = embed_molecules(encoder, ["C1CC", "CCO", "", "CC", "CCO named"])
    assert encoder.shown == ["CCO", "CC"]
    assert [row is None for row in rows] == [True, False, True, False, True]


def test_without_a_valid_molecule_the_encoder_is_not_asked() -> None:
    encoder = Recorder()
    assert embed_molecules(encoder, ["C1CC", ""]) == (None, None)
    assert embed_molecules(encoder, []) == ()
    assert encoder.shown == []


@pytest.mark.parametrize(
    ("made", "message"),
    [
        pytest.param(np.ones((SLOTS, HIDDEN), np.float32), r"shape \(2, 8\)", id="one-axis-less"),
        pytest.param(np.ones((2, SLOTS, HIDDEN), np.float32), r"shape \(2, 2, 8\)", id="too-many"),
        pytest.param(np.ones((1, SLOTS + 1, HIDDEN), np.float32), r"\(1, 3, 8\)", id="slots"),
        pytest.param(np.ones((1, SLOTS, HIDDEN - 1), np.float32), r"\(1, 2, 7\)", id="width"),
        pytest.param(np.ones((1, SLOTS, HIDDEN)), "it gave float64", id="double"),
        pytest.param(np.ones((1, SLOTS, HIDDEN), np.float16), "it gave float16", id="half"),
        pytest.param([[[1.0] * HIDDEN] * SLOTS], "it gave list", id="list"),
        pytest.param(None, "it gave NoneType", id="none"),
        pytest.param(np.full((1, SLOTS, HIDDEN), np.nan, np.float32), "not finite", id="nan"),
        pytest.param(np.full((1, SLOTS, HIDDEN), np.inf, np.float32), "not finite", id="infinite"),
    ],
)
def test_what_an_encoder_should_not_give_is_refused(made: Any, message: str) -> None:
    with pytest.raises(EngineError, match=f"encoder recorder .*{message}"):
        embed_molecules(Recorder(lambda _: made), ["CCO"])


def test_encoder_that_fails_is_an_engine_error() -> None:
    def fail(count: int) -> Any:
        raise RuntimeError("no memory")

    with pytest.raises(EngineError, match="encoder recorder failed: no memory"):
        embed_molecules(Recorder(fail), ["CCO"])


# --- the one that ships -------------------------------------------------------------------------


def test_features_are_counts_and_properties() -> None:
    features = molecule_features("CC(=O)Oc1ccccc1C(=O)O")
    assert features.shape == (FEATURES,)
    assert features.dtype == np.float32
    assert levels(features) == {
        "heavy atoms": 13,
        "rings": 1,
        "donors": 1,
        "acceptors": 3,
        "rotatable bonds": 2,
        "logP": 13,  # tenths
    }
    assert (features[:BITS] > 0).sum() > 10
    assert (molecule_features("CCO") == molecule_features("OCC")).all(), (
        "one molecule, spelled twice"
    )


def test_a_property_out_of_range_counts_as_the_nearest_level() -> None:
    found = levels(molecule_features("C" * 100))
    assert (found["heavy atoms"], found["logP"]) == (63, 120)


def levels(features: NDArray[np.float32]) -> dict[str, int]:
    """What the ones among a molecule's features say of its properties."""
    found, start = {}, BITS
    for name, known in LEVELS.items():
        (place,) = features[start : start + len(known)].nonzero()[0].tolist()
        found[name], start = known[place], start + len(known)
    return found


def test_features_of_what_is_no_molecule_are_refused() -> None:
    with pytest.raises(ValueError, match="not a molecule: 'C1CC'"):
        molecule_features("C1CC")


def test_embeddings_are_those_of_the_two_layers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="an engine's package brings it")
    encoder = FingerprintEncoder.load(saved(tmp_path), SLOTS)
    own = {name: torch.from_numpy(array) for name, array in weights().items()}
    smiles = ["CCO", "c1ccccc1", "[He]"]
    features = torch.from_numpy(np.stack([molecule_features(each) for each in smiles]))
    linear = torch.nn.functional.linear
    hidden = linear(
        (features - own["mean"]) / own["scale"], own["hidden_weight"], own["hidden_bias"]
    )
    expected = linear(hidden.relu(), own["output_weight"], own["output_bias"])
    embedded = encoder.encode(smiles)
    assert embedded.shape == (3, SLOTS, HIDDEN)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(
        embedded, expected.view(3, SLOTS, HIDDEN).numpy(), rtol=1e-3, atol=1e-3
    )


def test_identity_tells_the_weights(tmp_path: Path) -> None:
    one = FingerprintEncoder.load(saved(tmp_path), SLOTS).identity
    assert FingerprintEncoder.load(saved(tmp_path), SLOTS).identity == one
    assert FingerprintEncoder.load(saved(tmp_path, seed=1), SLOTS).identity != one


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        pytest.param({"mean": np.zeros(3, np.float32)}, SLOTS, id="features"),
        pytest.param({"output_bias": np.zeros(HIDDEN, np.float32)}, SLOTS, id="output"),
        pytest.param({"mean": np.zeros(FEATURES)}, SLOTS, id="double"),
        pytest.param({"another": np.zeros(1, np.float32)}, SLOTS, id="too-much"),
        pytest.param({}, 3, id="slots"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    changes: dict[str, Any], slots: int, tmp_path: Path
) -> None:
    with pytest.raises(JudgeFolderError, match=f"does not hold an encoder of {slots} slots"):
        FingerprintEncoder.load(saved(tmp_path, **changes), slots)


def test_file_that_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgeFolderError, match="does not hold a molecule encoder"):
        FingerprintEncoder.load(tmp_path / FILE, SLOTS)
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(JudgeFolderError, match="does not hold a molecule encoder"):
        FingerprintEncoder.load(path, SLOTS)


# --- in a judge folder --------------------------------------------------------------------------


def described(folder: Path, table: str = TABLE, view: str = "embeddings") -> Path:
    """The judge folder with this table and this view of molecules in its judge.toml."""
    path = folder / "judge.toml"
    text = path.read_text(encoding="utf-8").replace("[judge]", f'[judge]\nmolecules = "{view}"', 1)
    path.write_text(f"{text}\n{table}", encoding="utf-8")
    return folder


def test_judge_names_its_encoder(judge_folder: Path) -> None:
    saved(judge_folder)
    encoder = open_encoder(open_judge(described(judge_folder)))
    assert (encoder.slots, encoder.hidden_size) == (SLOTS, HIDDEN)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.replace("fingerprint", "gnn"), "one of fingerprint, got 'gnn'"),
        ('[molecule_encoder]\nkind = "fingerprint"\nslots = 1', "'file' has to be a string"),
        (TABLE.replace(FILE, f"../{FILE}"), "in a subfolder, such as .*, got '../molecule_encoder"),
        (TABLE.replace(FILE, "model.safetensors"), "in a subfolder, such as"),
        (TABLE.replace(FILE, "molecule_encoder/model.bin"), "is a .safetensors file"),
        (TABLE.replace(FILE, ""), "in a subfolder, such as .*, got ''"),
        (TABLE.replace(str(SLOTS), "0"), "slots takes a whole number from 1 to 256, got 0"),
        (TABLE.replace(str(SLOTS), "true"), "slots takes a whole number"),
        (TABLE + "layers = 3", "has no layers"),
        ("molecule_encoder = 3", "expected a table"),
    ],
)
def test_table_that_does_not_hold_together_is_refused(
    table: str, message: str, judge_folder: Path
) -> None:
    path = judge_folder / "judge.toml"
    text = path.read_text(encoding="utf-8")
    is_key = table.startswith("molecule_encoder")
    path.write_text(f"{table}\n{text}" if is_key else f"{text}\n{table}", encoding="utf-8")
    with pytest.raises(JudgeFolderError, match=message):
        open_judge(judge_folder)


def test_drawings_need_a_judge_that_sees(judge_folder: Path) -> None:
    path = described(judge_folder, "", "drawing") / "judge.toml"
    open_judge(judge_folder)
    path.write_text(path.read_text().replace('["text", "image"]', '["text"]'), encoding="utf-8")
    with pytest.raises(JudgeFolderError, match="need 'image' among the modalities"):
        open_judge(judge_folder)


def test_embeddings_without_an_encoder_are_refused(judge_folder: Path) -> None:
    folder = open_judge(described(judge_folder, ""))
    with pytest.raises(JudgeFolderError, match=r"add the table \[molecule_encoder\]"):
        open_encoder(folder)


def test_embeddings_by_an_engine_that_takes_none_are_refused(judge_folder: Path) -> None:
    folder = open_judge(described(judge_folder))
    with pytest.raises(RequestError, match="which the engine 'openai' cannot; use the engine vllm"):
        make_engine("openai", folder)
