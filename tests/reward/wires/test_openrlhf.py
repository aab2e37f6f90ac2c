"""OpenRLHF's wire, repeated: the payload of ``_fetch_rewards_via_http`` and its reply."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from judge import Image, Judge
from judge.engines.scripted import prompt_text
from reward.server import create_app
from reward.server.wires.openrlhf import response
from tests.reward.harness import TestEngine

PATH = "/v1/wires/openrlhf"
ADDRESS = {"rubric": "captioning", "unjudged": "-1.0"}
PROMPT = "<|im_start|>user\nWhat is shown?<|im_end|>\n<|im_start|>assistant\n"


def payload(*responses: str, label: Any = "the gold") -> dict[str, Any]:
    count = len(responses)
    return {
        "query": [f"{PROMPT}{text}<|im_end|>" for text in responses],
        "prompts": [PROMPT] * count,
        "labels": [label] * count,
    }


async def ask(http: httpx.AsyncClient, json: dict[str, Any], **address: str) -> dict[str, Any]:
    answer = await http.post(PATH, json=json, params={**ADDRESS, **address})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_numbers_for_all(http: httpx.AsyncClient, engine: TestEngine) -> None:
    answer = await ask(http, payload("score=10", "garble", "score=1"))
    assert answer == {
        "rewards": [1.0, -1.0, 0.0],
        "scores": [1.0, -1.0, 0.0],
        "extra_logs": {"unjudged": [0.0, 1.0, 0.0]},
    }
    text = prompt_text(engine.prompts[0])
    assert "What is shown?" in text
    assert "the gold" in text
    assert text.count("score=10") == 1


async def test_empty_lists_are_answered_whatever_the_state(judge: Judge) -> None:
    """Older clients send them to all but one of their addresses; the engine is not started here."""
    transport = httpx.ASGITransport(create_app(judge))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await ask(http, payload())
    assert answer == {"rewards": [], "scores": [], "extra_logs": {"unjudged": []}}


async def test_a_label_may_hold_question_and_pictures(
    http: httpx.AsyncClient, engine: TestEngine, data_uri: str
) -> None:
    label = json.dumps({"question": "Describe it.", "images": [data_uri]})
    assert (await ask(http, payload("score=10", label=label)))["rewards"] == [1.0]
    assert "Describe it." in prompt_text(engine.prompts[0])
    assert "im_start" not in prompt_text(engine.prompts[0])
    assert len(engine.prompts[0].parts(Image)) == 1


async def test_raise_answers_503(http: httpx.AsyncClient) -> None:
    answer = await http.post(PATH, json=payload("garble"), params={**ADDRESS, "unjudged": "raise"})
    assert answer.status_code == 503
    assert "not_a_number" in answer.json()["detail"]


@pytest.mark.parametrize(
    "address",
    [
        {"rubric": "captioning"},
        {"rubric": "captioning", "unjudged": "nan"},
        {"rubric": "captioning", "unjudged": "skip"},
        {"rubric": "nonsense", "unjudged": "0"},
        {"unjudged": "0"},
        {**ADDRESS, "unjugded": "0"},
        {**ADDRESS, "deadline_s": "0"},
    ],
)
async def test_a_wrong_address_is_refused(http: httpx.AsyncClient, address: dict[str, str]) -> None:
    answer = await http.post(PATH, json=payload("score=10"), params=address)
    assert answer.status_code == 422


async def test_lists_of_different_lengths_are_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(PATH, json={**payload("a", "b"), "labels": []}, params=ADDRESS)
    assert answer.status_code == 422
    assert "2 queries came with 2 prompts and 0 labels" in answer.json()["detail"]


async def test_a_prompt_that_was_cut_leaves_its_sample_unjudged(http: httpx.AsyncClient) -> None:
    cut = {"query": ["shown?score=10"], "prompts": [PROMPT], "labels": [""]}
    answer = await ask(http, cut)
    assert answer["rewards"] == [-1.0]
    assert answer["extra_logs"] == {"unjudged": [1.0]}


PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
SEEN = PROMPT.replace("What", f"{PICTURE}What")
EXPANDED = SEEN.replace("<|image_pad|>", "<|image_pad|>" * 256)
TWO_TURNS = PROMPT + "A cat.<|im_end|>\n" + PROMPT


@pytest.mark.parametrize(
    ("query", "prompt", "written"),
    [
        (PROMPT + "A cat.", PROMPT, "A cat."),
        (PROMPT + "A cat.<|im_end|>\n<|endoftext|>", PROMPT, "A cat."),
        (PROMPT + "A cat. </s>", PROMPT, "A cat."),
        (PROMPT + "a < b", PROMPT, "a < b"),
        (PROMPT + "<answer>7</answer>", PROMPT, "<answer>7</answer>"),
        (PROMPT, PROMPT, ""),
        ("<s>" + PROMPT + "A cat.", PROMPT, "A cat."),
        (EXPANDED + "A cat.", SEEN, "A cat."),
        ("<s>" + TWO_TURNS + "A dog.", TWO_TURNS, "A dog."),
        # A response that repeats its prompt hides nothing of what stands before.
        (EXPANDED + "Bad. " + SEEN + "Good.", SEEN, "Bad. " + SEEN + "Good."),
        ("another text", PROMPT, None),
    ],
)
def test_response(query: str, prompt: str, written: str | None) -> None:
    assert response(query, prompt) == written


@pytest.mark.parametrize("hostile", [" " * 200_000 + "x", "<|" * 100_000, "<|a|>" * 40_000])
def test_a_hostile_end_costs_no_time(hostile: str) -> None:
    start = time.process_time()
    response(PROMPT + hostile, PROMPT)
    assert time.process_time() - start < 5
