"""``POST /v1/judgements``: any protocol, both orders, votes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Image, Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server import create_app
from tests.reward.harness import make_judge, serving
from tests.reward.test_server import png


def reply(prompt: Prompt) -> str:
    """Scores as the candidates tell, one more for the one in the first place."""
    text = prompt_text(prompt)
    scores = [int(score) for score in re.findall(r"score=(\d+)", text)]
    if "[[A>B]]" in text:
        answers = ["[[A>B]]" if scores[0] > scores[1] else "[[B>A]]"]
    else:
        answers = [
            str(score + (place == 0 < len(scores) - 1)) for place, score in enumerate(scores)
        ]
    tags = "".join(f"<answer>{answer}</answer>" for answer in answers)
    return f"<think>\nas told\n</think>\n{tags}"


class Engine(ScriptedEngine):
    """Goes on behind what the prompt has begun, as real engines do."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: reply(prompt).removeprefix(prompt.begun))


@pytest.fixture
def scorer() -> Engine:
    return Engine()


@pytest.fixture
async def api(tmp_path: Path, scorer: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(make_judge(tmp_path / "j", scorer))) as http:
        scorer.prompts.clear()  # those of a warm-up
        yield http


def sample(*completions: str, **fields: Any) -> dict[str, Any]:
    candidates = [{"completion": text} for text in completions]
    return {"prompt": "Rate this.", "candidates": candidates, **fields}


async def ask(http: httpx.AsyncClient, *samples: dict[str, Any], **options: Any) -> list[Any]:
    body = {"rubric": "captioning", "samples": samples, **options}
    response = await http.post("/v1/judgements", json=body)
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert len(results) == len(samples)
    return list(results)


async def test_the_protocol_follows_the_number_of_candidates(api: httpx.AsyncClient) -> None:
    one, two, three = await ask(
        api,
        sample("score=4", id="a"),
        sample("score=4", "score=8"),
        sample("score=4", "score=8", "score=6"),
        rationale=True,
    )
    assert (one["protocol"], one["scores"], one["preference"]) == ("pointwise", [4], None)
    assert (two["protocol"], two["scores"], two["preference"]) == ("pairwise", [5, 8], 1)
    assert (three["protocol"], three["scores"]) == ("listwise", [5, 8, 6])
    assert (one["id"], two["id"]) == ("a", None)
    assert one["rationale"] == "as told"
    assert one["reason"] is None


async def test_a_choice_names_its_option(api: httpx.AsyncClient) -> None:
    (result,) = await ask(api, sample("score=4", "score=8", protocol="choice"))
    assert (result["choice"], result["scores"], result["preference"]) == ("B>A", [0, 1], 1)


async def test_both_orders_are_averaged_and_flips_told(api: httpx.AsyncClient) -> None:
    near, far = await ask(
        api, sample("score=4", "score=4"), sample("score=2", "score=8"), both_orders=True
    )
    assert (near["scores"], near["flipped"], near["preference"]) == ([4.5, 4.5], True, None)
    assert (far["scores"], far["flipped"], far["preference"]) == ([2.5, 8.5], False, 1)
    assert far["votes"] == [[3, 8], [2, 9]]


async def test_votes_need_a_temperature(api: httpx.AsyncClient, scorer: Engine) -> None:
    body = {"rubric": "captioning", "samples": [sample("score=4")], "votes": 3}
    response = await api.post("/v1/judgements", json=body)
    assert response.status_code == 422
    assert "temperature" in response.json()["detail"]
    (result,) = await ask(api, sample("score=4"), votes=3, temperature=0.7, vote="median")
    assert result["votes"] == [[4], [4], [4]]
    assert len(scorer.prompts) == 3


async def test_unjudged_has_a_reason_and_no_scores(api: httpx.AsyncClient) -> None:
    results = await ask(
        api,
        sample("score=99"),
        sample("score=4", "score=5", protocol="pointwise"),
        {"prompt": "Q", "candidates": [{"completion": "a"}, {"molecule": "C"}]},
        sample("score=4"),
    )
    assert [each["scores"] for each in results] == [None, None, None, [4]]
    assert [each["reason"] for each in results] == [
        "out_of_scale",
        "bad_request",
        "bad_request",
        None,
    ]
    assert "1 of 2 candidates have a 'completion'" in results[2]["detail"]


async def test_pictures_of_question_and_candidates(api: httpx.AsyncClient, scorer: Engine) -> None:
    digests = []
    for color in ("red", "blue"):
        data = png(color)
        uploaded = await api.put(f"/v1/media/{sha256(data).hexdigest()}", content=data)
        digests.append(f"sha256:{uploaded.json()['sha256']}")
    with_picture = sample("score=4", "score=5", images=[digests[0]])
    with_picture["candidates"][1]["images"] = [digests[1]]
    (result,) = await ask(api, with_picture)
    assert result["reason"] is None
    seen = [f"sha256:{image.sha256}" for image in scorer.prompts[0].parts(Image)]
    assert seen == digests
    missing = sample("score=4", images=["sha256:" + "0" * 64])
    response = await api.post("/v1/judgements", json={"rubric": "captioning", "samples": [missing]})
    assert (response.status_code, response.json()["missing"]) == (409, ["0" * 64])

    return sha256(data).hexdigest()


async def test_no_samples_no_results(api: httpx.AsyncClient) -> None:
    assert await ask(api) == []


@pytest.mark.parametrize(
    "body",
    [
        {"rubric": "nope", "samples": []},
        {"rubric": "captioning", "samples": [{"prompt": "Q", "candidates": []}]},
        {"rubric": "captioning", "samples": [sample("a")], "votes": 0},
        {"rubric": "captioning", "samples": [sample(*"a" * 27)]},
        {"rubric": "captioning", "samples": [sample("a", protocol="odd")]},
        {"rubric": "captioning", "samples": [sample("a", typo=1)]},
    ],
)
async def test_malformed(body: dict[str, Any], api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/judgements", json=body)).status_code == 422
