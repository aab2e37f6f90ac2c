"""Pictures by all the names they have, and the limits on samples, through the server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Image, Judge
from reward.errors import ServerConfigError
from reward.server import ServerConfig, create_app
from tests.reward.harness import TestEngine, picture, serving
from tests.reward.server.asking import body, results
from tests.reward.server.test_remote_media import Site, head


def png(size: int = 8) -> bytes:
    file = io.BytesIO()
    picture(size=size).save(file, "PNG")
    return file.getvalue()


def sent(data: bytes) -> bytes:
    return head("content-type: image/png", f"content-length: {len(data)}") + data


@asynccontextmanager
async def server(judge: Judge, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(judge, ServerConfig(**settings))) as http:
        yield http


async def rewards(http: httpx.AsyncClient, *images: str, **options: Any) -> list[Any]:
    """Results of one sample a picture."""
    json = body(*["score=10"] * len(images), **options)
    for sample, name in zip(json["samples"], images, strict=True):
        sample["images"] = [name]
    response = await http.post("/v1/rewards", json=json)
    assert response.status_code == 200, response.text
    return list(response.json()["results"])


async def test_pictures_by_path_and_by_address(
    judge: Judge, engine: TestEngine, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    async with Site().serving() as site:
        site.answers["/b.png"] = sent(png(16))
        settings = {"image_roots": [tmp_path], "private_image_hosts": [site.host]}
        async with server(judge, **settings) as http:
            names = [f"{tmp_path}/a.png", f"{site.url}/b.png", f"HTTP://{site.host}/b.png"]
            found = await rewards(http, *names, *names)
        assert [each["reward"] for each in found] == [1.0] * 6
        assert len(site.asked) == 2, "each name is loaded once"
    shown = {prompt.parts(Image)[0].width for prompt in engine.prompts}
    assert shown == {8, 16}


async def test_what_is_not_to_be_read_or_fetched_costs_its_own_sample(
    judge: Judge, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    async with Site().serving() as site, Site().serving() as other:
        site.answers["/busy"] = head("content-length: 0", status="503 Busy")
        other.answers["/b.png"] = sent(png())
        settings = {"image_roots": [root], "private_image_hosts": [site.host]}
        async with server(judge, **settings) as http:
            found = await rewards(
                http,
                f"{root}/link.png",
                f"{tmp_path}/secret.png",
                f"file://{root}/link.png",
                "link.png",
                f"{other.url}/b.png",
                f"{site.url}/a.png",  # which holds no picture
                f"{site.url}/busy",
                "data:image/png;base64," + base64.b64encode(png()).decode(),
            )
        assert other.asked == []
    assert [each["reason"] for each in found] == [*["bad_request"] * 6, "server_error", None]


async def test_neither_is_on_by_default(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    async with Site().serving() as site:
        async with server(judge) as http:
            found = await rewards(http, f"{tmp_path}/a.png", f"{site.url}/a.png")
        assert site.asked == []
    assert [each["reason"] for each in found] == ["bad_request"] * 2
    assert "--image-host or --image-root" in found[0]["detail"]


async def test_a_slow_picture_does_not_outlast_the_deadline(judge: Judge) -> None:
    async with Site().serving() as site:
        site.answers["/slow"] = b"trickle"
        settings = {"private_image_hosts": [site.host], "image_fetch_s": 300}
        async with server(judge, **settings) as http:
            found = await rewards(http, f"{site.url}/slow", deadline_s=1)
    assert [each["reason"] for each in found] == ["deadline"]


async def test_slow_hosts_do_not_hold_up_other_pictures(judge: Judge) -> None:
    async with Site().serving() as site:
        for number in range(40):
            site.answers[f"/{number}"] = b"trickle"
        settings = {"private_image_hosts": [site.host], "image_fetch_s": 300}
        async with server(judge, **settings) as http:
            slow = asyncio.create_task(
                rewards(http, *(f"{site.url}/{number}" for number in range(40)), deadline_s=300)
            )
            while not site.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            uri = "data:image/png;base64," + base64.b64encode(png()).decode()
            async with asyncio.timeout(60):
                assert (await rewards(http, uri))[0]["reward"] == 1.0
            assert len(site.asked) <= 16
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)


@pytest.mark.parametrize(
    ("limits", "status", "message"),
    [({"image_bytes": 50}, 413, "limit of 50 bytes"), ({"image_pixels": 63}, 422, "8x8 pixels")],
)
async def test_pictures_are_bounded(
    limits: dict[str, int], status: int, message: str, judge: Judge, tmp_path: Path
) -> None:
    data = png()
    (tmp_path / "a.png").write_bytes(data)
    async with server(judge, image_roots=[tmp_path], **limits) as http:
        digest = hashlib.sha256(data).hexdigest()
        refused = await http.put(f"/v1/media/{digest}", content=data)
        assert refused.status_code == status
        assert message in refused.json()["detail"]
        uri = "data:image/png;base64," + base64.b64encode(data).decode()
        found = await rewards(http, uri, f"{tmp_path}/a.png")
    assert [each["reason"] for each in found] == ["bad_request"] * 2
    assert all(str(*limits.values()) in each["detail"] for each in found)


async def test_an_upload_is_stopped_at_the_limit(judge: Judge) -> None:
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 100

    async with server(judge, image_bytes=1000) as http:
        response = await http.put("/v1/media/" + "0" * 64, content=chunks())
    assert response.status_code == 413
    assert taken < 1000


async def test_a_picture_may_be_uploaded_again(judge: Judge) -> None:
    data = png()
    async with server(judge) as http:
        for _ in range(2):
            response = await http.put(f"/v1/media/{hashlib.sha256(data).hexdigest()}", content=data)
            assert response.status_code == 201


async def test_a_text_that_is_too_long_costs_its_own_sample(judge: Judge) -> None:
    async with server(judge, sample_chars=100) as http:
        found = await results(http, "score=10", "score=1" + "x" * 100)
        assert [each["reason"] for each in found] == [None, "bad_request"]
        assert "limit is 100" in found[1]["detail"]
        candidates = [{"completion": "x" * 60}, {"completion": "y" * 60}]
        json = {
            "rubric": "captioning",
            "samples": [{"prompt": "Which?", "candidates": candidates}],
        }
        compared = (await http.post("/v1/judgements", json=json)).json()["results"]
    assert [each["reason"] for each in compared] == ["bad_request"]
    assert "126 characters" in compared[0]["detail"]


@pytest.mark.parametrize(
    "settings", [{"image_hosts": ["http://a"]}, {"image_roots": [Path("/none")]}]
)
def test_a_wrong_setting_is_told_at_the_start(settings: dict[str, Any], judge: Judge) -> None:
    with pytest.raises(ServerConfigError):
        create_app(judge, ServerConfig(**settings))
