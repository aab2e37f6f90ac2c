"""The frameworks' pages: what a user pastes fits the code, and each says how it was tested."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi.routing import APIRoute

from reward.server.wires import router
from reward.server.wires.asking import NumberQuery, WireQuery

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "frameworks"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md")}
INDEX = PAGES.pop("index")
FRAMEWORKS = sorted(PAGES)
_SETTINGS = ("URL", "RUBRIC", "DEADLINE_S", "UNJUDGED", "API_KEY", "CA_FILE")
VARIABLES = {f"FLEXREWARD_{name}" for name in _SETTINGS}
_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\breward\.adapters\.(\w+)(?:[.:](\w+))?")


def blocks(page: str, language: str) -> list[str]:
    return [match[2] for match in _FENCE.finditer(page) if match[1] == language]


def modules(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_every_adapter_and_wire_has_a_page_and_the_index_names_all() -> None:
    shared = {"core", "columns", "labels", "composed", "trl_groups", "asking", "responses"}
    assert (modules("reward/adapters") | modules("reward/server/wires")) - shared == set(PAGES)
    assert set(re.findall(r"\]\((\w+)\.md\)", INDEX)) == set(PAGES)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_page_says_how_it_was_tested_and_what_becomes_of_the_unjudged(name: str) -> None:
    assert re.search(r"^Tested with the (real|wire repeated)", PAGES[name], re.MULTILINE)
    assert "**Not judged**: " in PAGES[name]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_names_on_a_page_exist(name: str) -> None:
    page = PAGES[name]
    for module, attribute in _NAME.findall(page):
        found = importlib.import_module(f"reward.adapters.{module}")
        assert not attribute or attribute.startswith("py") or hasattr(found, attribute), attribute
    assert set(re.findall(r"FLEXREWARD_\w+", page)) <= VARIABLES
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reward."):
                module_ = importlib.import_module(str(node.module))
                assert all(hasattr(module_, alias.name) for alias in node.names), block


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_snippets_are_well_formed(name: str) -> None:
    page = PAGES[name]
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in blocks(page, "sh"):
        assert shlex.split(block)
    for block in blocks(INDEX, "json"):
        json.loads(block)


def test_addresses_on_the_pages_are_taken() -> None:
    paths = {route.path for route in router.routes if isinstance(route, APIRoute)}
    addresses = [
        urlsplit(address)
        for page in PAGES.values()
        for address in re.findall(r"http://127\.0\.0\.1:8471/\S*?(?=['`\s])", page)
    ]
    assert len(addresses) >= 3
    for address in addresses:
        assert address.path in paths
        query = dict(parse_qsl(address.query))
        kind = WireQuery if "nemo_gym" in address.path else NumberQuery
        assert kind.model_validate(query).rubric == query["rubric"]


def test_trl_snippets_run() -> None:
    names: dict[str, object] = {}
    for snippet in blocks(PAGES["trl"], "python"):
        exec(snippet, names)  # noqa: S102 - the documentation's own code
    assert {"grpo", "async_grpo", "online_dpo", "by_comparison"} <= set(names)
