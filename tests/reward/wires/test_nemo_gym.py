"""NeMo-Gym's wire, repeated: ``/verify`` and ``/compare`` with objects of the Responses API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Image
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server import create_app
from tests.reward.harness import TestEngine, make_judge, serving

VERIFY, COMPARE = "/v1/wires/nemo_gym/verify", "/v1/wires/nemo_gym/compare"
ADDRESS = {"rubric": "captioning"}


def said(*texts: str) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "model": "policy",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "score=3"}]},
            {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text} for text in texts],
            },
        ],
    }


def rollout(response: str, asked: Any = "What is shown?", **extra: Any) -> dict[str, Any]:
    return {
        "responses_create_params": {"input": asked, "temperature": 1.0},
        "response": said(response),
        **extra,
    }


async def verify(http: httpx.AsyncClient, json: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post(VERIFY, json=json, params=ADDRESS)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_verify_sends_the_rollout_back_with_its_reward(
    http: httpx.AsyncClient, engine: TestEngine
) -> None:
    sent = rollout("score=10", expected_answer="the gold", task_index=4)
    assert await verify(http, sent) == {**sent, "reward": 1.0, "mask_sample": False}
    text = prompt_text(engine.prompts[0])
    assert "What is shown?" in text
    assert "the gold" in text
    assert "score=3" not in text, "the policy's reasoning is not what is judged"


async def test_verify_reads_messages_with_pictures(
    http: httpx.AsyncClient, engine: TestEngine, data_uri: str
) -> None:
    content = [
        {"type": "input_text", "text": "What is shown?"},
        {"type": "input_image", "image_url": data_uri, "detail": "auto"},
    ]
    asked = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": content},
        {"type": "function_call_output", "call_id": "c", "output": "ok"},
    ]
    assert (await verify(http, rollout("score=10", asked)))["reward"] == 1.0
    text = prompt_text(engine.prompts[0])
    assert "Be brief." in text
    assert "What is shown?" in text
    assert len(engine.prompts[0].parts(Image)) == 1


@pytest.mark.parametrize(
    ("response", "kind", "reason"),
    [
        ("garble", "judge_unparseable", "not_a_number"),
        ("fail", "judge_failed", "engine_error"),
    ],
)
async def test_what_was_not_judged_is_masked(
    http: httpx.AsyncClient, response: str, kind: str, reason: str
) -> None:
    answer = await verify(http, rollout(response, instance_config={"seed": 3}))
    assert answer["mask_sample"] is True
    assert answer["reward"] == 0.0
    assert answer["failure_kind"] == kind
    assert answer["failure_reason"].startswith(reason)
    assert answer["_ng_failure_class"] == "judge_failed"
    assert answer["instance_config"] == {"seed": 3, "mask_sample": True}


def comparison(*texts: str, **extra: Any) -> dict[str, Any]:
    history = [{"role": "user", "content": "What is shown?"}]
    return {
        "conversation_history": history,
        "response_objs": [said(text) for text in texts],
        **extra,
    }


async def test_compare_gives_one_reward_a_response(tmp_path: Path) -> None:
    tie = "<think>\n</think>\n<answer>5</answer><answer>5</answer>"
    engine = ScriptedEngine(lambda prompt: tie.removeprefix(prompt.begun))
    body = comparison("one", "another", principle="Be kind.")
    async with serving(create_app(make_judge(tmp_path, engine))) as http:
        answer = await http.post(COMPARE, json=body, params=ADDRESS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rewards"] == [0.5, 0.5]
    assert answer.json()["metrics"] == {"comparisons_asked": 2.0, "comparisons_judged": 2.0}
    assert "Be kind." in prompt_text(engine.prompts[-1])


async def test_compare_of_nothing_is_nothing(http: httpx.AsyncClient) -> None:
    answer = await http.post(COMPARE, json=comparison(), params=ADDRESS)
    assert answer.json()["rewards"] == []


async def test_compare_without_a_verdict_is_503_as_nemo_gyms_own(http: httpx.AsyncClient) -> None:
    answer = await http.post(COMPARE, json=comparison("garble", "fail"), params=ADDRESS)
    assert answer.status_code == 503
    assert "has no reward" in answer.json()["detail"]


async def test_one_response_cannot_be_compared(http: httpx.AsyncClient) -> None:
    answer = await http.post(COMPARE, json=comparison("one"), params=ADDRESS)
    assert answer.status_code == 422
    assert "at least two" in answer.json()["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        {"input": 5},
        {"input": [5]},
        {},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {}}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
    ],
)
async def test_what_is_no_rollout_is_refused(http: httpx.AsyncClient, asked: Any) -> None:
    json = {"responses_create_params": asked, "response": said("score=10")}
    assert (await http.post(VERIFY, json=json, params=ADDRESS)).status_code == 422


@pytest.mark.parametrize("output", [None, 5, [5], [{"type": ["message"]}]])
async def test_a_response_without_text_is_judged_as_empty(
    http: httpx.AsyncClient, engine: TestEngine, output: Any
) -> None:
    json = {**rollout(""), "response": {"output": output}}
    assert (await verify(http, json))["failure_kind"] == "judge_unparseable"
    assert "[Assistant's Answer]\n\n\n" in prompt_text(engine.prompts[0])
