from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

from reward.cli import main

ROOT = Path(__file__).parents[2]

# `flex-reward serve` with the engine of the tests in place of vLLM.
SERVE = textwrap.dedent("""
    import sys, pathlib
    import judge
    from tests.reward.harness import TestEngine, make_judge
    from reward.cli import main

    class Engine(TestEngine):
        async def start(self):
            if "--fail" in sys.argv:
                raise judge.EngineError("no memory")
        async def close(self):
            print("closed", flush=True)

    def load(name, *, decoding, **options):
        print(name, decoding, options, flush=True)
        return make_judge(pathlib.Path({folder!r}), Engine())

    judge.Judge.from_folder = load
    sys.exit(main(["serve", "--port", "0", *(a for a in sys.argv[1:] if a != "--fail")]))
""")


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    code = SERVE.format(folder=str(tmp_path / "judge"))
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(end: signal.Signals, tmp_path: Path) -> None:
    rubric = tmp_path / "mine.toml"
    rubric.write_text('name = "mine"\ncriteria = "Anything."\n', encoding="utf-8")
    with start(
        tmp_path,
        *("--judge", "mine", "--rubric", str(rubric), "--temperature", "0.5"),
        *("--dtype", "float32", "--max-model-len", "2048"),
        *("--engine-arg", "enforce-eager=true", "--engine-arg", "seed=1"),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == (
            "mine {'temperature': 0.5} {'engine': 'vllm', 'dtype': 'float32', "
            "'max_model_len': 2048, 'enforce_eager': True, 'seed': 1}\n"
        )
        assert process.stdout.readline() == "loading default …\n"
        ready = re.fullmatch(
            r"default 1 \(fingerprint (\w{16})\) is ready at (http://127.0.0.1:\d+)\n",
            process.stdout.readline(),
        )
        assert ready is not None
        info = httpx.get(f"{ready[2]}/v1/info", trust_env=False).json()
        assert info["fingerprint"] == ready[1]
        assert "mine" in info["rubrics"]
        process.send_signal(end)
        assert process.wait(120) == 0
        assert process.stdout.read() == "closed\n"
        assert "Traceback" not in process.stderr.read()


def test_engine_that_does_not_load_ends_the_command(tmp_path: Path) -> None:
    with start(tmp_path, "--fail") as process:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 1
    assert "no memory" in err
    assert "ready" not in out


def test_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["serve", "--rubric", "/nowhere.toml"]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err.startswith("flex-reward: error: unknown rubric '/nowhere.toml'")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--help"])
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "--engine-arg" in out


@pytest.mark.parametrize("text", ["novalue", "=1", "a b=1"])
def test_engine_argument_is_checked(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--engine-arg", text])
    assert "NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("code", ["import reward", "import reward.cli"])
def test_imports_are_light(code: str) -> None:
    script = f"import sys; {code}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "vllm", "trl", "fastapi", "httpx", "uvicorn"} & set(loaded)


def test_names_are_found_on_first_use() -> None:
    import reward

    assert {getattr(reward, name).__name__ for name in reward.__all__} == set(reward.__all__)
    with pytest.raises(AttributeError, match="nope"):
        _ = reward.nope
