"""``flex-reward scale`` as a process, with vLLM in its replica."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed (the extra 'scale')")

from judge.nano.scenes import caption, draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from reward import SyncRewardClient

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(how: signal.Signals, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "server.yaml"
    config.write_text(
        f"judge: nano\nport: {port}\nengine_args: {{enforce_eager: true}}\n"
        f"store: {tmp_path / 'verdicts.db'}\n"
    )
    deployment = tmp_path / "deployment.yaml"
    deployment.write_text("ray_actor_options: {num_cpus: 1}\n")
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "reward.cli", "scale"),
                *("--config", config, "--deployment", deployment),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        with SyncRewardClient(f"http://127.0.0.1:{port}") as client:
            client.wait_ready(300)
            scene = draw_scene(random.Random("scaled"))
            samples = [
                {"prompt": CAPTION_INSTRUCTION, "completion": text, "image": render(scene)}
                for text in (caption(scene), "a red square.")
            ]
            rewards = client.rewards(
                samples,
                rubric="captioning",
                deadline_s=120,
            )
        right, wrong = (reward.value for reward in rewards)
        assert right is not None
        assert wrong is not None
        assert right > wrong
        server.send_signal(how)
        assert server.wait(120) == 0, log.read_text()[-2000:]
    finally:
        if server.poll() is None:
            server.kill()
    assert "stopping" in log.read_text()
