from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from reward.cli import main
from reward.errors import ServerConfigError
from reward.server import ServerConfig
from reward.server.auth import RefuseForeignPages, RequireKey, check_exposure
from reward.server.keys import KeyFile, add_key, remove_key
from reward.server.logs import JsonFormatter
from tests.reward.harness import LiveServer, TestEngine, eventually
from tests.reward.server.asking import body, client
from tests.reward.server.conftest import Serve

WIRE = "/v1/wires/slime?rubric=captioning&unjudged=raise"
ROLLOUT = {"prompt": "Rate this.", "response": "score=10", "label": None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


@pytest.fixture
def key(file: Path) -> str:
    return add_key(file, "run-7")


@pytest.fixture
def server(serve: Serve, file: Path, key: str) -> LiveServer:
    return serve(TestEngine(), keys_file=file)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that lets everybody in."""
    await PlainTextResponse("hello")(scope, receive, send)


async def ask(app: ASGIApp, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        return await http.get("http://test/ready", headers=headers)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("headers", [{}, bearer("wrong")])
async def test_nothing_but_health_is_open(
    server: LiveServer, key: str, headers: dict[str, str]
) -> None:
    async with client(server.url) as http:
        document = (await http.get("/openapi.json", headers=bearer(key))).json()
        asked = {(method, path) for path, item in document["paths"].items() for method in item}
        assert ("post", "/v1/rewards") in asked
        asked |= {
            ("get", path) for path in ("/openapi.json", "/docs", "/redoc", "/none", "//health")
        }
        asked |= {("post", "/health/"), ("options", "/v1/rewards")}
        for method, path in asked - {("get", "/health")}:
            answer = await http.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (await http.get("/health", headers=headers)).status_code == 200


async def test_a_key_opens_all(server: LiveServer, key: str) -> None:
    async with client(server.url) as http:
        http.headers.update(bearer(key))
        assert (await http.get("/ready")).status_code == 200
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.post("/v1/rewards", json=body("score=10"))).status_code == 200
        assert (await http.post(WIRE, json=ROLLOUT)).json() == 1.0


def basic(text: bytes) -> str:
    return "Basic " + b64encode(text).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer KEY", 200),
        ("bearer   KEY", 200),
        ("BASIC anyone:KEY", 200),
        ("BASIC :KEY", 200),
        ("", 401),
        ("KEY", 401),
        ("Bearer", 401),
        ("Bearer KEYx", 401),
        ("Bearer K EY", 401),
        ("Digest KEY", 401),
        ("Basic KEY", 401),
        ("Basic ????", 401),
        ("BASIC KEY", 401),
        ("BASIC KEY:", 401),
        ("BASIC anyone:KEY:", 401),
        ("BASIC \xff:KEY", 401),
    ],
)
async def test_ways_to_show_a_key(authorization: str, status: int, file: Path, key: str) -> None:
    value = authorization.replace("KEY", key)
    if value.startswith("BASIC"):
        value = basic(value.removeprefix("BASIC ").encode("latin-1"))
    answer = await ask(RequireKey(hello, KeyFile(file)), {"authorization": value})
    assert answer.status_code == status, answer.text
    assert key not in answer.text


async def test_a_stranger_is_refused_before_the_body(serve: Serve, file: Path, key: str) -> None:
    server = serve(TestEngine(), keys_file=file, max_body_bytes=10)
    async with client(server.url) as http:
        asked = [
            (await http.post("/v1/rewards", content=b"x" * 1000, headers=headers)).status_code
            for headers in ({}, bearer(key))
        ]
    assert asked == [401, 413]


def with_key(url: str, key: str) -> str:
    return url.replace("http://", f"http://key:{key}@") + WIRE


async def test_the_clients_of_openrlhf_and_slime_take_the_key_from_the_address(
    server: LiveServer, key: str
) -> None:
    aiohttp = pytest.importorskip("aiohttp", reason="of the frameworks' clients")
    async with aiohttp.ClientSession() as session:
        async with session.post(with_key(server.url, key), json=ROLLOUT) as answer:
            assert (answer.status, await answer.json()) == (200, 1.0)
        async with session.post(with_key(server.url, "nope"), json=ROLLOUT) as answer:
            with pytest.raises(aiohttp.ClientResponseError, match="401") as refused:
                answer.raise_for_status()
    assert "nope" not in str(refused.value), "which these frameworks log"


def test_other_clients_take_it_from_there_too(server: LiveServer, key: str) -> None:
    requests = pytest.importorskip("requests", reason="of the frameworks' clients")
    assert requests.post(with_key(server.url, key), json=ROLLOUT, timeout=60).json() == 1.0
    assert httpx.post(with_key(server.url, key), json=ROLLOUT, trust_env=False).json() == 1.0


async def test_keys_change_under_a_running_server(server: LiveServer, file: Path, key: str) -> None:
    new = add_key(file, "run-8")
    remove_key(file, "run-7")

    async def statuses() -> list[int]:
        async with client(server.url) as http:
            return [
                (await http.get("/ready", headers=bearer(each))).status_code for each in (key, new)
            ]

    async with asyncio.timeout(60):
        while await statuses() != [401, 200]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_key_is_in_no_log_and_no_answer(
    server: LiveServer, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    wrong = "flexreward_wrong"
    with caplog.at_level(logging.DEBUG):
        async with client(server.url) as http:
            texts = []
            for each in (key, wrong):
                for method, path, json_ in (
                    ("post", "/v1/rewards", body("score=10", "crash")),
                    ("post", "/v1/rewards", {"rubric": 5}),
                    ("get", f"/v1/{each}", None),
                    ("get", "/metrics", None),
                ):
                    answer = await http.request(method, path, json=json_, headers=bearer(each))
                    texts.append(answer.text)
        await eventually(lambda: caplog.text.count("GET unmatched: 404") == 1)
    assert not [text for text in texts if key in text or wrong in text]
    # uvicorn's, of the server, and the server's own; httpx's are of the client.
    lines = [line for line in caplog.text.splitlines() if '"logger": "httpx' not in line]
    assert any("a bug" in line for line in lines)
    assert not [line for line in lines if key in line or wrong in line]
    entries = [json.loads(line) for line in lines if '"route": "/v1/rewards"' in line]
    assert [entry.get("caller") for entry in entries] == ["run-7", "run-7"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:8471", 200),
        ("http://localhost:3000", 200),
        ("http://[::1]:8471", 200),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://localhost@evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
async def test_pages_of_other_sites_are_kept_out(origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = await ask(RefuseForeignPages(hello), headers)
    assert answer.status_code == status


async def test_no_page_sends_a_server_without_keys_to_sleep(serve: Serve) -> None:
    server = serve(TestEngine())
    async with client(server.url) as http:
        slept = await http.post("/v1/sleep", headers={"origin": "https://evil.example"})
        assert slept.status_code == 403
        assert (await http.get("/ready")).status_code == 200


async def test_with_keys_pages_need_one_as_all_do(server: LiveServer, key: str) -> None:
    headers = {"origin": "https://ours.example"}
    async with client(server.url) as http:
        assert (await http.get("/ready", headers=headers)).status_code == 401
        assert (await http.get("/ready", headers={**headers, **bearer(key)})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_exposure(ServerConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "node-1", "localhost.evil"])
def test_other_addresses_do(host: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ServerConfigError, match="flex-reward keys add"):
        check_exposure(ServerConfig(host=host))
    keys = tmp_path / "keys.txt"
    check_exposure(ServerConfig(host=host, keys_file=keys, tls_cert_file=keys))
    assert caplog.messages == []
    check_exposure(ServerConfig(host=host, keys_file=keys))
    assert "unencrypted" in caplog.messages[-1]
    check_exposure(ServerConfig(host=host, allow_anyone=True))
    assert "anybody" in caplog.messages[-1]


def test_the_command_refuses_before_it_loads_anything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the judge was loaded")

    monkeypatch.setattr("judge.Judge.from_folder", load)
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    assert "--allow-anyone" in capsys.readouterr().err
