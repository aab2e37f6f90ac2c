"""``flex-reward serve --config`` on the embedded judge: keys, store, its engine's death."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from reward.server.keys import add_key

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
START_S = 600.0


@dataclass(frozen=True)
class Served:
    """A server's process and a client that has a key."""

    pid: int
    http: httpx.Client

    @property
    def engine_pid(self) -> int:
        """The process of vLLM's engine core, whichever thread began it."""
        lists = Path(f"/proc/{self.pid}/task").glob("*/children")
        children = [int(pid) for each in lists for pid in each.read_text().split()]
        (core,) = [pid for pid in children if b"EngineCore" in _command(pid)]
        return core

    @property
    def unfinished(self) -> float:
        """Requests that vLLM is working on or has waiting, by its own gauges."""
        names = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
        rows = self.http.get("/metrics").text.splitlines()
        return sum(float(row.split()[-1]) for row in rows if row.startswith(names))

    @property
    def state(self) -> str:
        return str(self.http.get("/ready").json()["state"])

    def ask(self, name: str, count: int, **options: Any) -> list[dict[str, Any]]:
        samples = [
            {"prompt": "Describe every object.", "completion": f"a red circle, {name} {number}."}
            for number in range(count)
        ]
        body = {"rubric": "captioning", "deadline_s": 600, "samples": samples, **options}
        response = self.http.post("/v1/rewards", json=body)
        assert response.status_code == 200, response.text
        return list(response.json()["results"])

    def eventually(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # gone meanwhile
        return b""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pytest.importorskip("vllm", reason="vLLM is not installed (make setup installs it)")
    folder = tmp_path_factory.mktemp("served")
    key = add_key(folder / "keys", "trainer")
    settings = {
        "port": 0,
        "keys_file": str(folder / "keys"),
        "store": str(folder / "verdicts.db"),
        "engine_args": {"enforce_eager": True},
        "restart_pause_s": 0.1,
    }
    (folder / "server.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "reward.cli", "serve", "--config", folder / "server.yaml"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        ready = re.search(r"ready at (http://\S+)", process.stdout.readline())
        assert ready, (folder / "log").read_text()[-3000:]
        with httpx.Client(
            base_url=ready[1],
            headers={"Authorization": f"Bearer {key}"},
            timeout=START_S,
            trust_env=False,
        ) as http:
            yield Served(process.pid, http)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_key_is_needed_and_verdicts_are_kept(served: Served) -> None:
    assert httpx.get(served.http.base_url.join("/ready"), trust_env=False).status_code == 401
    first = served.ask("kept", 4)
    assert [each["reason"] for each in first] == [None] * 4
    again = served.ask("kept", 4)
    assert [each["reward"] for each in again] == [each["reward"] for each in first]
    assert all(each["cached"] for each in again)


def test_a_deadline_ends_the_work_inside_vllm(served: Served) -> None:
    found = served.ask("late", 256, deadline_s=1.0)
    assert any(each["reason"] == "deadline" for each in found)
    served.eventually(lambda: served.unfinished == 0, seconds=10)


def test_a_client_that_leaves_ends_the_work_inside_vllm(served: Served) -> None:
    with pytest.raises(httpx.ReadTimeout):
        served.http.post(
            "/v1/rewards",
            json={
                "rubric": "captioning",
                "samples": [{"prompt": "Q", "completion": f"left {n}"} for n in range(256)],
            },
            timeout=1.0,
        )
    served.eventually(lambda: served.unfinished == 0, seconds=10)


def test_an_engine_that_was_not_started_for_it_does_not_sleep(served: Served) -> None:
    """What vLLM's sleep itself does shows on a GPU alone."""
    refused = served.http.post("/v1/sleep")
    assert refused.status_code == 409
    assert "enable_sleep_mode=true" in refused.json()["detail"]
    assert served.state == "ready"


def test_a_killed_engine_is_noticed_answered_and_started_again(served: Served) -> None:
    """The run sees: ``engine_error`` at once for what was under way, 503 until the restart."""
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(served.ask, "killed", 256)
        served.eventually(lambda: served.unfinished > 0)
        subprocess.run(["kill", "-9", str(served.engine_pid)], check=True)
        begun = time.monotonic()
        results = asked.result(60)
        assert time.monotonic() - begun < 30
    reasons = {each["reason"] for each in results}
    assert "engine_error" in reasons
    assert reasons <= {None, "engine_error"}
    served.eventually(lambda: served.state == "ready", START_S)
    assert [each["reason"] for each in served.ask("after", 4)] == [None] * 4
    assert served.http.get("/v1/info").json()["restarts"] == 1
