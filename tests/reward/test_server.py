from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Image, Judge
from reward.server import ServerConfig, create_app
from tests.reward.harness import TestEngine, make_judge, picture, serving


def png(color: str = "red", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    picture(color).convert(mode).save(file, "PNG")
    return file.getvalue()


def body(*completions: str, **options: Any) -> dict[str, Any]:
    samples = [{"prompt": "Rate this.", "completion": text} for text in completions]
    return {"rubric": "captioning", "samples": samples, **options}


async def ask(http: httpx.AsyncClient, json: dict[str, Any]) -> list[dict[str, Any]]:
    response = await http.post("/v1/rewards", json=json)
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert len(results) == len(json["samples"])
    return list(results)


async def test_results_keep_order_number_and_id(http: httpx.AsyncClient, judge: Judge) -> None:
    scores = [1 + number % 10 for number in range(50)]
    json = body(*(f"score={score}" for score in scores), rationale=True)
    for number, sample in enumerate(json["samples"]):
        sample["id"] = f"n{number}"
    response = await http.post("/v1/rewards", json=json)
    assert response.json()["judge"] == judge.fingerprint
    assert response.json()["rubric"].startswith("captioning-")
    results = response.json()["results"]
    assert [result["score"] for result in results] == scores
    assert [result["reward"] for result in results] == pytest.approx([(s - 1) / 9 for s in scores])
    assert [result["id"] for result in results] == [f"n{number}" for number in range(50)]
    assert results[0]["rationale"] == "as told"
    assert results[0]["reason"] is None
    assert results[0]["cached"] is False
    assert results[0]["usage"]["completion_tokens"] > 0


async def test_no_samples_no_results(http: httpx.AsyncClient) -> None:
    assert await ask(http, body()) == []


async def test_rationale_comes_on_request_only(http: httpx.AsyncClient) -> None:
    (result,) = await ask(http, body("score=4"))
    assert result["rationale"] == ""


async def test_an_unjudged_sample_leaves_its_neighbours_alone(http: httpx.AsyncClient) -> None:
    json = body("score=1", "garble", "fail", "crash", "score=99", "score=10")
    json["samples"].append({"prompt": "no completion"})
    results = await ask(http, json)
    assert [result["reward"] for result in results] == [0.0, None, None, None, None, 1.0, None]
    assert [result["score"] for result in results] == [1, None, None, None, None, 10, None]
    assert [result["reason"] for result in results] == [
        None,
        "not_a_number",
        "engine_error",
        "server_error",
        "out_of_scale",
        None,
        "bad_request",
    ]


async def test_concurrent_requests_reach_the_engine_together(tmp_path: Path) -> None:
    engine = TestEngine(delay=1.0)
    async with serving(create_app(make_judge(tmp_path, engine))) as http:
        await asyncio.gather(*(ask(http, body("score=2", "score=3")) for _ in range(8)))
    assert engine.in_flight_peak == 16


async def test_chat_messages_are_taken_as_trl_has_them(
    http: httpx.AsyncClient, engine: TestEngine
) -> None:
    sample = {
        "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Q"}]}],
        "completion": [{"role": "assistant", "content": "score=10"}],
    }
    (result,) = await ask(http, {"rubric": "captioning", "samples": [sample]})
    assert result["reward"] == 1.0


async def test_deadline_cancels_what_is_unfinished(
    http: httpx.AsyncClient, engine: TestEngine
) -> None:
    results = await ask(http, body("score=10", "hang", "score=1", deadline_s=1.5))
    assert [result["reward"] for result in results] == [1.0, None, 0.0]
    assert results[1]["reason"] == "deadline"
    assert engine.cancelled == 1


async def test_uploaded_picture_is_seen_by_hash(
    http: httpx.AsyncClient, engine: TestEngine
) -> None:
    data = png()
    digest = hashlib.sha256(data).hexdigest()
    stored = await http.put(f"/v1/media/{digest}", content=data)
    assert stored.status_code == 201
    assert stored.json() == {"sha256": digest, "width": 8, "height": 8}
    json = body("score=10")
    json["samples"][0]["images"] = [f"sha256:{digest}"]
    (result,) = await ask(http, json)
    assert result["reward"] == 1.0
    assert [image.sha256 for image in engine.prompts[0].parts(Image)] == [digest]


async def test_reencoded_picture_keeps_the_hash_it_was_uploaded_under(
    http: httpx.AsyncClient,
) -> None:
    data = png(mode="L")
    digest = hashlib.sha256(data).hexdigest()
    await http.put(f"/v1/media/{digest}", content=data)
    json = body("score=10")
    json["samples"][0]["images"] = [f"sha256:{digest}"]
    assert (await ask(http, json))[0]["reward"] == 1.0


async def test_data_uri(http: httpx.AsyncClient, engine: TestEngine) -> None:
    json = body("score=10")
    uri = "data:image/png;base64," + base64.b64encode(png()).decode()
    json["samples"][0]["images"] = [uri, uri]
    assert (await ask(http, json))[0]["reward"] == 1.0
    assert len(engine.prompts[0].parts(Image)) == 2


async def test_missing_pictures_are_named(http: httpx.AsyncClient, engine: TestEngine) -> None:
    json = body("score=10", "score=1")
    json["samples"][0]["images"] = ["sha256:" + "b" * 64]
    json["samples"][1]["images"] = ["sha256:" + "a" * 64, "sha256:" + "b" * 64]
    response = await http.post("/v1/rewards", json=json)
    assert response.status_code == 409
    assert response.json()["missing"] == ["a" * 64, "b" * 64]
    assert engine.prompts == []


@pytest.mark.parametrize(
    "name",
    [
        "{file}",
        "file://{file}",
        "http://127.0.0.1/x.png",
        "https://example.com/x.png",
        "data:image/png,abc",
        "data:image/../../{file}",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,?",
        "data:image/png;base64,é",
        "sha256:abc",
        "sha256:" + "A" * 64,
        "",
    ],
)
async def test_no_picture_is_read_from_a_path_or_an_address(
    name: str, http: httpx.AsyncClient, engine: TestEngine, tmp_path: Path
) -> None:
    file = tmp_path / "secret.png"
    file.write_bytes(png())
    json = body("score=10", "score=10")
    json["samples"][0]["images"] = [name.format(file=file)]
    results = await ask(http, json)
    assert [result["reason"] for result in results] == ["bad_request", None]
    assert len(engine.prompts) == 1


@pytest.mark.parametrize(
    ("data", "digest", "message"),
    [
        (b"not a picture", hashlib.sha256(b"not a picture").hexdigest(), "cannot be read"),
        (png(), "0" * 64, "the body's sha256 is"),
        (b"", hashlib.sha256(b"").hexdigest(), "cannot be read"),
    ],
)
async def test_upload_is_verified(
    data: bytes, digest: str, message: str, http: httpx.AsyncClient
) -> None:
    response = await http.put(f"/v1/media/{digest}", content=data)
    assert response.status_code == 422
    assert message in response.json()["detail"]


async def test_store_is_bounded_and_forgets_the_oldest(judge: Judge) -> None:
    files = [png(color) for color in ("red", "green", "blue")]
    digests = [hashlib.sha256(data).hexdigest() for data in files]
    room = len(files[0]) + len(files[1]) + len(files[2]) - 1
    async with serving(create_app(judge, ServerConfig(media_bytes=room))) as http:
        for data, digest in zip(files, digests, strict=True):
            await http.put(f"/v1/media/{digest}", content=data)
        json = body("score=10")
        json["samples"][0]["images"] = [f"sha256:{digest}" for digest in digests]
        response = await http.post("/v1/rewards", json=json)
    assert response.json()["missing"] == [digests[0]]


async def test_unknown_rubric_names_those_there_are(http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/rewards", json=body("score=1", rubric="nope"))
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert "'nope'" in detail
    assert "captioning" in detail


async def test_rubric_is_never_a_path(http: httpx.AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('criteria = "x"')
    response = await http.post("/v1/rewards", json=body("score=1", rubric=str(path)))
    assert response.status_code == 422


@pytest.mark.parametrize(
    "json",
    [
        {"samples": []},
        {"rubric": "captioning"},
        {"rubric": "captioning", "samples": [{"promt": "typo"}]},
        {"rubric": "captioning", "samples": [], "deadline_s": 0},
        {"rubric": "captioning", "samples": [{"completion": "x"}] * 1025},
        {"rubric": "captioning", "samples": [{"completion": 3}]},
    ],
)
async def test_malformed_request(json: dict[str, Any], http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/rewards", json=json)
    assert response.status_code == 422
    assert "body." in response.json()["detail"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_body_is_bounded(streamed: bool, judge: Judge) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100

    content = chunks() if streamed else b"x" * 2000
    async with serving(create_app(judge, ServerConfig(max_body_bytes=1000))) as http:
        response = await http.post("/v1/rewards", content=content)
    assert response.status_code == 413
    assert "1000 bytes" in response.json()["detail"]


async def test_uploads_are_bounded(judge: Judge) -> None:
    async with serving(create_app(judge, ServerConfig(max_body_bytes=1000))) as http:
        assert (await http.put("/v1/media/a", content=b"x" * 1001)).status_code == 413


async def test_health_answers_while_the_engine_loads(judge: Judge, engine: TestEngine) -> None:
    loaded = asyncio.Event()
    engine.start = loaded.wait  # type: ignore[assignment,method-assign]
    app = create_app(judge)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.get("/health")).status_code == 200
            ready = await http.get("/ready")
            assert (ready.status_code, ready.json()["state"]) == (503, "loading")
            response = await http.post("/v1/rewards", json=body("score=1"))
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            loaded.set()
            await app.state.service.settled()
            assert (await ask(http, body("score=1")))[0]["reward"] == 0.0


async def test_engine_that_does_not_load_is_dead(judge: Judge, engine: TestEngine) -> None:
    async def start() -> None:
        raise RuntimeError("no memory")

    engine.start = start  # type: ignore[method-assign]
    async with serving(create_app(judge)) as http:
        ready = await http.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["state"] == "dead"
    assert "no memory" in ready.json()["detail"]


async def test_engine_is_closed_at_the_end(judge: Judge, engine: TestEngine) -> None:
    async with serving(create_app(judge)):
        assert not engine.closed
    assert engine.closed


async def test_info(http: httpx.AsyncClient, judge: Judge) -> None:
    info = (await http.get("/v1/info")).json()
    assert info["name"] == "default"
    assert info["version"] == "1"
    assert info["fingerprint"] == judge.fingerprint
    assert info["modalities"] == ["text", "image"]
    assert "captioning" in info["rubrics"]
    assert info["project_version"]
