"""The server over a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Judge
from reward.cli import main
from reward.errors import ServerConfigError, StoreError
from reward.server import ServerConfig, create_app
from reward.server.config import load_config
from tests.reward.harness import TestEngine, serving
from tests.reward.store.cases import rows


def body(*completions: str, **options: Any) -> dict[str, Any]:
    samples = [{"prompt": "Rate this.", "completion": text} for text in completions]
    return {"rubric": "captioning", "samples": samples, **options}


async def ask(http: httpx.AsyncClient, json: dict[str, Any]) -> list[dict[str, Any]]:
    response = await http.post("/v1/rewards", json=json)
    assert response.status_code == 200, response.text
    return list(response.json()["results"])


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    return ServerConfig(store=str(tmp_path / "verdicts.db"))


async def test_answers_say_what_was_judged_before_and_a_new_server_knows_it(
    judge: Judge, engine: TestEngine, config: ServerConfig
) -> None:
    json = body("score=7", "score=8", "score=7", "garble", run="grpo-7", step=3)
    async with serving(create_app(judge, config)) as http:
        first = await ask(http, json)
        judged = len(engine.prompts)
        second = await ask(http, json)
        metrics = (await http.get("/metrics")).text
    async with serving(create_app(judge, config)) as http:
        third = await ask(http, json)
    assert sorted(result["cached"] for result in first) == [False, False, False, True]
    for results in (second, third):
        assert [result["cached"] for result in results] == [True, True, True, False]
        assert [result["reward"] for result in results] == [result["reward"] for result in first]
        assert results[0]["usage"] == first[0]["usage"]
    garbled = judged - 2
    assert len(engine.prompts) == 2 + 3 * garbled
    assert "flexreward_store_lookup_hits_total 2.0" in metrics
    assert config.store is not None
    stored = rows(config.store)
    assert sorted(str(row.reason) for row in stored) == ["None", "None", *["not_a_number"] * 3]
    assert {(row.run, row.step) for row in stored} == {("grpo-7", 3)}
    assert all(row.judged_s > 0 for row in stored)
    assert sum(row.served for row in stored) == 7


async def test_comparisons_are_stored_too(
    judge: Judge, engine: TestEngine, config: ServerConfig
) -> None:
    sample = {"prompt": "Q", "candidates": [{"completion": "score=7"}]}
    json = {"rubric": "captioning", "samples": [sample], "run": "labels"}
    async with serving(create_app(judge, config)) as http:
        for cached in (False, True):
            response = await http.post("/v1/judgements", json=json)
            assert response.json()["results"][0]["cached"] is cached
    assert config.store is not None
    assert [row.run for row in rows(config.store)] == ["labels"]


@pytest.mark.parametrize("labels", [{"run": "a\nb"}, {"run": "r" * 201}, {"step": -1}])
async def test_labels_are_checked(http: httpx.AsyncClient, labels: dict[str, object]) -> None:
    response = await http.post("/v1/rewards", json=body("score=1", **labels))
    assert response.status_code == 422
    assert "a run is named" in response.text or "a step is" in response.text


async def test_without_a_store_nothing_is_cached(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        (result,) = await ask(http, body("score=7", run="x", step=1))
        assert result["cached"] is False


async def test_retention_is_set_by_the_server(judge: Judge, config: ServerConfig) -> None:
    async with serving(create_app(judge, config)) as http:
        await ask(http, body("score=7"))
    bounded = config.model_copy(update={"store_max_size": "0B", "store_max_age": "1h"})
    async with serving(create_app(judge, bounded)):
        pass
    assert config.store is not None
    assert rows(config.store) == []


def test_a_store_that_cannot_be_opened_is_told_before_serving(judge: Judge) -> None:
    with pytest.raises(StoreError, match="path of an SQLite file"):
        create_app(judge, ServerConfig(store="mysql://host/db"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("store_max_age", "30", "expected an age"), ("store_max_size", "2", "expected a size")],
)
def test_bounds_are_checked_with_the_other_settings(name: str, value: str, message: str) -> None:
    with pytest.raises(ServerConfigError, match=f"{name}: .*{message}"):
        load_config({name: value}, None)


def test_printed_settings_hide_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://judge:secret@db.internal/verdicts"
    assert main(["serve", "--store", url, "--store-max-age", "30d", "--print-config"]) == 0
    out = capsys.readouterr().out
    assert "secret" not in out
    assert "db.internal/verdicts" in out
    assert "store_max_age: 30d" in out
