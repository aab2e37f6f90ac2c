"""The walls between the packages, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("judge", "reward", "rl_recipes")
MAX_LINES = 300
HELP_LIMIT_S = 1.0

MAY_NOT_IMPORT = {
    "judge": {"reward", "rl_recipes"},
    "reward": {"rl_recipes"},
    "rl_recipes": set[str](),
}
LOADS_NONE_OF = {
    "judge": {"torch", "vllm", "transformers", "rdkit"},
    "reward": {"torch", "vllm", "trl"},
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported_packages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of each import in a file, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    assert sources(package), f"{package}/ holds no Python file: nothing was checked"
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imported_packages(path)
        if name in MAY_NOT_IMPORT[package]
    ]
    assert not wrong, "imports go judge ← reward ← rl_recipes only:\n" + "\n".join(wrong)


@pytest.mark.parametrize("package", LOADS_NONE_OF)
def test_import_loads_no_heavy_package(package: str) -> None:
    code = f"import sys, {package}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"`import {package}` failed:\n{done.stderr}"
    heavy = LOADS_NONE_OF[package] & set(done.stdout.split())
    assert not heavy, f"`import {package}` loads {sorted(heavy)}; import them where they are used"


def test_help_of_flex_judge_answers_at_once() -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "judge.cli", "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, f"--help failed:\n{done.stderr}"
        assert "usage" in done.stdout.lower(), f"--help printed no usage:\n{done.stdout}"
    assert min(seconds) < HELP_LIMIT_S, (
        f"flex-judge --help took {min(seconds):.2f} s at best, expected under {HELP_LIMIT_S} s: "
        "something heavy is imported at the top of a module"
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file(), f"{package}/py.typed is missing"


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in PACKAGES
        for path in sources(package)
    }
    long = {name: lines for name, lines in lengths.items() if lines > MAX_LINES}
    assert not long, f"files over {MAX_LINES} lines, to be split by concept: {long}"
