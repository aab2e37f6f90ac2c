"""The console commands as processes, with the real engine."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from judge.nano.scenes import Item, Scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION

pytestmark = pytest.mark.engine
SCENE = Scene(
    (Item("large", "red", "circle", "top left"), Item("small", "blue", "star", "bottom right"))
)
RIGHT = "a large red circle at the top left and a small blue star at the bottom right."
WRONG = "a small green cross at the middle center and a large black square at the top right."


def _run(*command: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.timeout(600)
def test_score_judges_a_file_and_resumes_it(tmp_path: Path) -> None:
    picture = tmp_path / "scene.png"
    render(SCENE).save(picture)
    rows = [
        {"prompt": CAPTION_INSTRUCTION, "image": str(picture), "completion": RIGHT, "note": "kept"},
        {"prompt": CAPTION_INSTRUCTION, "image": str(tmp_path / "gone.png"), "completion": RIGHT},
        {"prompt": CAPTION_INSTRUCTION, "image": str(picture), "completion": WRONG},
    ]
    source, target = tmp_path / "rows.jsonl", tmp_path / "scored.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("judge.cli", "score", "--rubric", "captioning", "--input", str(source))
    command += ("--output", str(target), "--resume", "--engine-arg", "enforce_eager=true")
    done = _run(*command)
    assert done.returncode == 0, done.stderr[-2000:]
    right, unreadable, wrong = map(json.loads, target.read_text().splitlines())
    assert right["note"] == "kept"
    assert right["judgement"]["score"] > wrong["judgement"]["score"]
    assert unreadable["judgement"]["score"] is None
    assert unreadable["judgement"]["reason"] == "bad_request"
    whole = target.read_text()
    target.write_text(whole[: whole.rindex('"judgement"')])  # a kill in the middle of a line
    again = _run(*command)
    assert again.returncode == 0, again.stderr[-2000:]
    assert target.read_text() == whole
    assert "2 of them from an earlier run" in again.stdout


def test_demo_goes_the_whole_way_and_leaves_what_it_says(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = _run("rl_recipes.cli", "demo", "--steps", "2", "--out", str(out))
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads((out / "summary.json").read_text())
    assert {
        "true_accuracy_before",
        "true_accuracy_after",
        "reward_before",
        "reward_after",
        "unjudged_rate",
        "seconds",
        "judge",
    } <= summary.keys()
    assert 0 < summary["true_accuracy_before"] < 1
    assert (out / "plot.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "samples.html").read_text()
    assert "data:image/png;base64," in page
    assert "wrong" in page, "the judge's reasoning is on the page"
    address = re.search(r"ready at http://127\.0\.0\.1:(\d+)", (out / "server.log").read_text())
    assert address is not None
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", int(address[1])), timeout=5),
    ):
        pass  # the server was stopped
