from __future__ import annotations

import io
import json
import logging
from typing import Any

import httpx
import pytest

from reward.server.logs import REQUEST_ID, JsonFormatter, TextFormatter, set_up_logging
from tests.reward.harness import TestEngine, eventually
from tests.reward.server.asking import body, client
from tests.reward.server.conftest import Serve


def logger_to(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("some.name")
    logger.addHandler(handler)
    return logger, stream


def test_a_json_line_holds_all_there_is_to_a_record() -> None:
    logger, stream = logger_to(JsonFormatter())
    token = REQUEST_ID.set("r-1")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("%d of %s", 3, "ünï\n", extra={"fields": {"samples": 8}})
    finally:
        REQUEST_ID.reset(token)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry.pop("exception").endswith("ValueError: two\nlines")
    assert entry == {
        "level": "error",
        "logger": "some.name",
        "message": "3 of ünï\n",
        "request_id": "r-1",
        "samples": 8,
    }


def test_outside_of_a_request_there_is_no_id() -> None:
    logger, stream = logger_to(JsonFormatter())
    logger.info("hello")
    assert "request_id" not in json.loads(stream.getvalue())


def test_a_text_line_ends_with_the_id() -> None:
    logger, stream = logger_to(TextFormatter("%(levelname)s %(message)s%(request)s"))
    logger.info("one")
    token = REQUEST_ID.set("r-1")
    logger.info("two")
    REQUEST_ID.reset(token)
    assert stream.getvalue() == "INFO one\nINFO two [r-1]\n"


@pytest.mark.parametrize(("level", "lines"), [("info", 2), ("error", 1)])
def test_all_lines_go_to_stderr_from_a_level_on(
    level: Any, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers, root.level
    try:
        set_up_logging("text", level)
        logging.getLogger("any").info("told")
        logging.getLogger("any").error("told")
    finally:
        root.handlers = handlers
        root.setLevel(before)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("any: told") == lines


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "00-4bf92f35/77:b3=+_."])
async def test_the_callers_id_comes_back(given: str, serve: Serve) -> None:
    async with client(serve(TestEngine()).url) as http:
        response = await http.get("/health", headers={"x-request-id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "a" * 129, "a b", 'x"y', "{}", "é".encode()])
async def test_an_id_is_made_where_there_is_none_to_use(
    given: str | bytes | None, serve: Serve
) -> None:
    headers = {} if given is None else {"x-request-id": given}
    async with client(serve(TestEngine()).url) as http:
        made = [
            (await http.get("/health", headers=headers)).headers["x-request-id"]  # type: ignore[arg-type]  # bytes are as good
            for _ in range(2)
        ]
    assert made[0] != made[1]
    assert all(len(each) == 32 for each in made)


async def test_refusals_have_an_id_too(serve: Serve) -> None:
    async with client(serve(TestEngine(), max_body_bytes=10).url) as http:
        response = await http.post("/v1/rewards", content=b"x" * 11)
    assert response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert response.headers["x-request-id"]


async def test_lines_of_a_request_carry_its_id(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    server = serve(TestEngine())
    with caplog.at_level(logging.INFO, logger="reward.server"):
        async with client(server.url) as http:
            asked = body("score=10", "garble", "crash")
            await http.post("/v1/rewards", json=asked, headers={"x-request-id": "r-1"})
            await http.get("/ready", headers={"x-request-id": "r-2"})
        await eventually(lambda: "/v1/rewards" in caplog.text)
    entries = [json.loads(line) for line in caplog.text.splitlines() if '"r-' in line]
    assert {entry["request_id"] for entry in entries} == {"r-1"}  # probes are no news
    crash, unjudged, answered = entries
    assert "RuntimeError: a bug" in crash["exception"]
    assert unjudged["unjudged"] == {"not_a_number": 1, "server_error": 1}
    assert (answered["route"], answered["status"]) == ("/v1/rewards", 200)
    assert answered["seconds"] > 0
