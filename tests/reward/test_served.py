"""A composed reward on a server: by name like a rubric, gates before the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Judge, RequestError, load_rubric
from reward.server import create_app
from reward.server.config import ServerConfig
from reward.server.served import load_rewards
from tests.reward.harness import TestEngine, serving

FILE = """
name: brief
rubric: captioning
judge_weight: 3
gates:
  - {name: not_empty, length: {low: 1}, value: -0.5}
terms:
  - {name: band, length: {low: 1, high: 3, margin: 2}, weight: 1}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "brief.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
async def api(file: Path, judge: Judge, engine: TestEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(judge, ServerConfig(rewards=[str(file)]))) as http:
        engine.prompts.clear()  # those of a warm-up
        yield http


async def ask(http: httpx.AsyncClient, *completions: str, rubric: str = "brief") -> Any:
    samples: list[dict[str, Any]] = [{"prompt": "Q", "completion": text} for text in completions]
    response = await http.post("/v1/rewards", json={"rubric": rubric, "samples": samples})
    assert response.status_code == 200, response.text
    return response.json()


async def test_gates_judge_and_terms_make_the_reward(
    api: httpx.AsyncClient, engine: TestEngine
) -> None:
    answer = await ask(api, "score=10", " ", "garble", "score=10 a b c")
    assert [each["reward"] for each in answer["results"]] == [1.0, -0.5, None, (3 + 0.5) / 4]
    assert [each["reason"] for each in answer["results"]] == [None, None, "not_a_number", None]
    assert [each["parts"] for each in answer["results"]] == [
        {"judge": 1.0, "not_empty": 1.0, "band": 1.0},
        {"not_empty": 0.0},
        {"not_empty": 1.0, "band": 1.0},
        {"judge": 1.0, "not_empty": 1.0, "band": 0.5},
    ]
    assert answer["results"][1]["detail"] == "fails the gate 'not_empty'"
    assert len([each for each in engine.prompts if each.begun == ""]) == 4  # one is re-asked


async def test_it_stands_beside_its_rubric(api: httpx.AsyncClient) -> None:
    composed, plain = await ask(api, "score=10"), await ask(api, "score=10", rubric="captioning")
    assert composed["rubric"].startswith("brief-")
    assert plain["rubric"].startswith("captioning-")
    assert plain["results"][0]["parts"] == {}
    assert "brief" in (await api.get("/v1/info")).json()["rubrics"]
    response = await api.post("/v1/rewards", json={"rubric": "nope", "samples": []})
    assert "captioning" in response.json()["detail"]
    assert "brief" in response.json()["detail"]


async def test_a_sample_that_cannot_be_read_is_unjudged(api: httpx.AsyncClient) -> None:
    body = {"rubric": "brief", "samples": [{"prompt": "Q"}, {"prompt": "Q", "completion": " "}]}
    results = (await api.post("/v1/rewards", json=body)).json()["results"]
    assert [each["reward"] for each in results] == [None, -0.5]
    assert results[0]["reason"] == "bad_request"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rubric: captioning", "rubric: nope"), "no rubric 'nope': expected one of captioning"),
        (("name: brief", "name: captioning"), "the name 'captioning' is taken"),
        (("low: 1}", "low: -1}"), "does not hold a composed reward"),
    ],
)
def test_what_cannot_be_served_is_found_at_the_start(
    change: tuple[str, str], message: str, file: Path
) -> None:
    file.write_text(FILE.replace(*change))
    with pytest.raises(RequestError, match=message):
        load_rewards([str(file)], {"captioning": load_rubric("captioning")})


def test_two_files_of_one_name_are_refused(file: Path) -> None:
    with pytest.raises(RequestError, match="'brief' is taken"):
        load_rewards([str(file)] * 2, {"captioning": load_rubric("captioning")})
