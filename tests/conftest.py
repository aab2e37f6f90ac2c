"""What all tests share. Nothing here starts an engine or touches the network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.live import live

__all__ = ["live"]

os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported

# A busy machine is slow now and then; what a property says does not depend on it.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

ROOT = Path(__file__).parent.parent


@pytest.fixture
def judge_folder(tmp_path: Path) -> Path:
    """A judge folder with the default judge.toml and a few bytes in place of weights."""
    folder = tmp_path / "my-judge"
    folder.mkdir()
    shutil.copy(ROOT / "judge" / "profiles" / "default.toml", folder / "judge.toml")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder
