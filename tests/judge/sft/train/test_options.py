"""What a run is told apart by."""

from __future__ import annotations

import json
from pathlib import Path

from judge.sft.train.base import find_base
from judge.sft.train.command import parse_options
from judge.sft.train.options import telling_settings


def test_a_base_whose_weights_were_replaced_makes_another_run(tmp_path: Path) -> None:
    data, base = tmp_path / "train.jsonl", tmp_path / "base"
    data.write_text("{}\n")
    base.mkdir()
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    arguments, config, model = parse_options(
        ["--data", str(data), "--output_dir", str(tmp_path), "--model_name_or_path", str(base)]
    )

    def settings(weights: bytes) -> dict[str, object]:
        (base / "model.safetensors").write_bytes(weights)
        return telling_settings(arguments, config, model, base=find_base(model), train_file=data)

    first, same, other = settings(b"one"), settings(b"one"), settings(b"two")
    assert first == same
    assert {name for name in first if first[name] != other[name]} == {"base_weights"}
    json.dumps(first)
