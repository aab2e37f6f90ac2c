"""Requests made by the server's own OpenAPI document: those it allows, and those it does not.

The run sees: answers of the form that the document states, and never one that means a bug (500).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reward.server import ServerConfig, create_app
from tests.reward.harness import LiveServer, TestEngine, make_judge

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SHORT_S = 0.2


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The document of a server with a store, whose engine is scripted."""
    folder = tmp_path_factory.mktemp("fuzz")
    config = ServerConfig(store=str(folder / "verdicts.db"))
    judge = make_judge(folder / "judge", TestEngine())
    server = LiveServer(lambda: create_app(judge, config))
    server.start()
    yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    server.stop()


def test_what_is_documented_holds(api: schemathesis.BaseSchema) -> None:
    assert ask(api, examples=8, derandomize=True) >= 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_documented_holds_for_long(api: schemathesis.BaseSchema) -> None:
    assert ask(api, examples=200) >= 10


def ask(api: schemathesis.BaseSchema, *, examples: int, **options: Any) -> int:
    """Asks every operation by so many requests of either kind, and checks the answers; returns how
    many operations there are.
    """
    operations = [found.ok() for found in api.get_all_operations()]
    for operation, mode in product(operations, GenerationMode):

        @settings(
            max_examples=examples,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            **options,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case) -> None:
            hurry(case)
            case.call_and_validate(checks=CHECKS)

        with suppress(Unsatisfiable):  # an operation that takes nothing cannot be asked wrongly
            holds()
    return len(operations)


def hurry(case: schemathesis.Case) -> None:
    """Lets no request wait for long, as a group does for parts of it that never come."""
    body = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("deadline_s"), int | float) and body["deadline_s"] > SHORT_S:
        body["deadline_s"] = SHORT_S
    cohort = body.get("cohort")
    if isinstance(cohort, dict):
        cohort["wait_s"] = SHORT_S / 2
