"""Which judge rewards a run: one that goes on keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge.errors import RequestError
from reward.server import create_app
from rl_recipes.command import parse_run
from rl_recipes.recipe import RunConfig
from rl_recipes.servers import claim_judge
from tests.reward.harness import LiveServer
from tests.rl_recipes.engine import counting_judge


@pytest.fixture
def config(tmp_path: Path) -> RunConfig[object]:
    run, _ = parse_run("grpo", ["captioning-grpo-nano", "--output_dir", str(tmp_path / "out")])
    return run.config


def test_a_run_keeps_its_judge(
    server: LiveServer, config: RunConfig[object], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_bytes(b"others")
    other = counting_judge(tmp_path / "other")
    there = LiveServer(lambda: create_app(other))
    there.start()
    try:
        claim_judge(config, there.url)
        claim_judge(config, server.url)  # nothing was rewarded yet
        claim_judge(config, server.url, is_begun=True)
        with pytest.raises(RequestError, match=r"another run: judge_fingerprint was '\w+' and is"):
            claim_judge(config, there.url, is_begun=True)
    finally:
        there.stop()
