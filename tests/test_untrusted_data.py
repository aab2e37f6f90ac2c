"""Nothing in the packages runs what is in a file or a message: no pickle, no eval."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("judge", "reward", "rl_recipes")

MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
YAML_LOADERS = {"load", "load_all", "unsafe_load", "full_load"}


def dangers(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of what would run data as code."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names if root(each.name))
            case ast.ImportFrom(module=str(module)) if root(module):
                yield node.lineno, module
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                if (owner, name) == ("torch", "load") and not has(node, "weights_only", True):
                    yield node.lineno, "torch.load without weights_only=True"
                if owner == "yaml" and name in YAML_LOADERS:
                    yield node.lineno, f"yaml.{name}"
        if isinstance(node, ast.Call):
            for option in ("trust_remote_code", "allow_pickle"):
                if has(node, option, True):
                    yield node.lineno, f"{option}=True"


def root(module: str) -> bool:
    return module.partition(".")[0] in MODULES


def has(call: ast.Call, name: str, value: object) -> bool:
    return any(
        each.arg == name and isinstance(each.value, ast.Constant) and each.value.value is value
        for each in call.keywords
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_runs_what_it_reads(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package}/ holds no Python file: nothing was checked"
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in files
        for line, name in dangers(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, dill as d",
        "from joblib.externals import x",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text)",
        "yaml.full_load(text)",
        "from_pretrained(name, trust_remote_code=True)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_the_check_sees_each(code: str) -> None:
    assert list(dangers(code))


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path, weights_only=True)",
        "yaml.safe_load(text)",
        "model.eval()",
        "re.compile(x)",
    ],
)
def test_the_check_leaves_others_alone(code: str) -> None:
    assert not list(dangers(code))
