"""The wire of slime and miles, repeated: the payload of ``remote_rm``, a bare number back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from judge import Image
from judge.engines.scripted import prompt_text
from tests.reward.harness import TestEngine

PATH = "/v1/wires/slime"
ADDRESS = {"rubric": "captioning", "unjudged": "-1.0"}


def payload(response: str, prompt: Any = "What is shown?", label: Any = None) -> dict[str, Any]:
    return {"prompt": prompt, "response": response, "label": label}


async def ask(http: httpx.AsyncClient, json: dict[str, Any]) -> Any:
    answer = await http.post(PATH, json=json, params=ADDRESS)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_bare_number(http: httpx.AsyncClient, engine: TestEngine) -> None:
    assert await ask(http, payload("score=10", label="the gold")) == 1.0
    assert "What is shown?" in prompt_text(engine.prompts[0])
    assert "the gold" in prompt_text(engine.prompts[0])
    assert await ask(http, payload("garble")) == -1.0


async def test_prompts_of_messages_and_labels_of_objects(
    http: httpx.AsyncClient, engine: TestEngine, data_uri: str
) -> None:
    messages = [{"role": "user", "content": "What is shown?"}]
    assert await ask(http, payload("score=10", messages)) == 1.0
    assert "What is shown?" in prompt_text(engine.prompts[0])
    label = {"question": "Describe it.", "image": data_uri}
    assert await ask(http, payload("score=1", messages, label)) == 0.0
    assert "Describe it." in prompt_text(engine.prompts[1])
    assert len(engine.prompts[1].parts(Image)) == 1


async def test_raise_answers_503_which_slime_tries_again(http: httpx.AsyncClient) -> None:
    address = {**ADDRESS, "unjudged": "raise"}
    assert (await http.post(PATH, json=payload("garble"), params=address)).status_code == 503
    assert (await http.post(PATH, json=payload("score=10"), params=address)).json() == 1.0


@pytest.mark.parametrize("address", [{"rubric": "captioning"}, {**ADDRESS, "rubric": "nonsense"}])
async def test_a_wrong_address_is_refused(http: httpx.AsyncClient, address: dict[str, str]) -> None:
    answer = await http.post(PATH, json=payload("score=10"), params=address)
    assert answer.status_code == 422


async def test_a_picture_by_path_is_refused_and_leaves_the_sample_unjudged(
    http: httpx.AsyncClient,
) -> None:
    assert await ask(http, payload("score=10", label={"image": "/etc/passwd"})) == -1.0
