"""The page on the client: its first example runs, and its other ones name what there is."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import re
from pathlib import Path

import pytest

from tests.reward.harness import LiveServer, picture

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_first_example_runs(
    live: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture().save("scene.png")
    code = BLOCKS[0].replace("http://127.0.0.1:8471", live.url)
    code = code.replace("a red circle", "score=10 so,")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "client.md", "exec"), {"__name__": "page"})  # noqa: S102
    assert out.getvalue().splitlines()[0].startswith("1.0 None")
    assert out.getvalue().splitlines()[1].startswith("None not_a_number")


@pytest.mark.parametrize("block", BLOCKS)
def test_names_exist(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)
