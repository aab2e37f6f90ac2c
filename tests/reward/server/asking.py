"""How the tests of the server ask it."""

from __future__ import annotations

from typing import Any

import httpx


def body(*completions: str, **options: Any) -> dict[str, Any]:
    samples = [{"prompt": "Rate this.", "completion": text} for text in completions]
    return {"rubric": "captioning", "samples": samples, **options}


def client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)


async def results(http: httpx.AsyncClient, *completions: str, **options: Any) -> list[Any]:
    response = await http.post("/v1/rewards", json=body(*completions, **options))
    assert response.status_code == 200, response.text
    found = response.json()["results"]
    assert len(found) == len(completions)
    return list(found)


async def reasons(http: httpx.AsyncClient, *completions: str, **options: Any) -> list[Any]:
    return [each["reason"] for each in await results(http, *completions, **options)]


async def state(http: httpx.AsyncClient) -> str:
    """The server's state; its status says whether it is ready."""
    response = await http.get("/ready")
    found = str(response.json()["state"])
    assert response.status_code == (200 if found == "ready" else 503)
    return found
