"""The frameworks' own code, against a server. Each is skipped where its package is not installed:
none is light enough to be a dependency of the tests. Without what it depends on, most will do:

    uv pip install --no-deps --target frameworks openrlhf verl ms-swift areal verifiers nemo-gym
    PYTHONPATH=.:frameworks pytest tests/reward/adapters/test_real_clients.py
"""

from __future__ import annotations

import asyncio
import math
import warnings
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from reward.adapters import areal, ms_swift
from tests.reward.harness import LiveServer, picture


def real(module: str) -> Any:
    """A module of a framework, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(module, exc_type=ImportError)


def test_openrlhf(live: LiveServer) -> None:
    agent = real("openrlhf.utils.agent")
    address = f"{live.url}/v1/wires/openrlhf?rubric=captioning&unjudged=-1.0"
    executor = agent.SingleTurnAgentExecutor([address])
    queries = ["Q score=10</s>", "Q garble</s>", "Q score=1</s>"]

    async def fetch() -> Any:
        return await executor._fetch_rewards_via_http(queries, ["Q "] * 3, [""] * 3)

    (answer,) = asyncio.run(fetch())
    assert answer["rewards"] == [1.0, -1.0, 0.0]
    assert answer["extra_logs"] == {"unjudged": [0.0, 1.0, 0.0]}


def test_verl(live: LiveServer) -> None:
    functions = real("verl.trainer.ppo.reward")
    naive = real("verl.experimental.reward_loop.reward_manager.naive")
    torch = real("torch")
    for name in ("compute_score", "compute_score_async"):
        settings = {"url": live.url, "rubric": "captioning", "unjudged": -1.0}
        custom = {"path": "pkg://reward.adapters.verl", "name": name, "reward_kwargs": settings}
        config = SimpleNamespace(reward={"custom_reward_function": custom})
        compute = functions.get_custom_reward_fn(config)
        texts = {1: "score=10", 2: "garble"}
        tokenizer = SimpleNamespace(decode=lambda ids, texts=texts, **_: texts[int(ids[0])])

        async def run(
            token: int, compute: Any = compute, tokenizer: Any = tokenizer
        ) -> dict[str, Any]:
            manager = naive.NaiveRewardManager(None, tokenizer, compute)
            rollout = functions.DataProto.from_dict(
                tensors={
                    "prompts": torch.tensor([[7]]),
                    "responses": torch.tensor([[token]]),
                    "attention_mask": torch.tensor([[1, 1]]),
                },
                non_tensors={
                    "data_source": ["data"],
                    "reward_model": [{"ground_truth": "the gold"}],
                    "extra_info": [{"question": "What is shown?"}],
                },
            )
            return dict(await manager.run_single(rollout))

        judged, unjudged = asyncio.run(run(1)), asyncio.run(run(2))
        assert judged["reward_score"] == 1.0
        assert judged["reward_extra_info"] == {"score": 1.0, "judged": 1.0}
        assert unjudged["reward_extra_info"] == {"score": -1.0, "judged": 0.0}


@pytest.mark.parametrize("plugin", [ms_swift.JudgeORM, ms_swift.AsyncJudgeORM])
def test_ms_swift(served: pytest.MonkeyPatch, plugin: type[Any]) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "-1")
    algorithm = real("swift.rl_core.grpo_algorithm")
    samples = [
        algorithm.GRPOSample(
            messages=[
                {"role": "user", "content": "<image>What is shown?"},
                {"role": "assistant", "content": text},
            ],
            images=[picture()],
            extra={"solution": "the gold"},
        )
        for text in ("score=10", "garble")
    ]
    rewards = algorithm.compute_rewards_per_func(samples, [plugin(args=None)], [None], "cpu")
    assert rewards.tolist() == [[1.0], [-1.0]]


def test_areal(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_UNJUDGED", "-1")
    api = real("areal.api.reward_api")
    function = real("areal.utils.dynamic_import").import_from_string(
        "reward.adapters.areal.judge_reward"
    )
    assert function is areal.judge_reward
    wrapper = api.AsyncRewardWrapper(function, max_workers=1)

    async def run(text: str) -> float:
        return float(await wrapper("What is shown?", text, [1], [2], answer="the gold"))

    assert asyncio.run(run("score=10")) == 1.0
    assert asyncio.run(run("garble")) == -1.0
    api.AsyncRewardWrapper._atexit_shutdown_all()


def test_verifiers(served: pytest.MonkeyPatch) -> None:
    v1 = real("verifiers.v1")
    loaders = real("verifiers.v1.utils.loaders")
    errors = real("verifiers.v1.errors")
    config = real("verifiers.v1.configs.task").TaskConfig(
        rewards={"judge": {"fn": "reward.adapters.verifiers:judge_reward"}}
    )
    assert loaders.plugged_fn("reward.adapters.verifiers:judge_reward")
    task = v1.Task(v1.TaskData(prompt="What is shown?"), config)

    def rollout(reply: str) -> Any:
        return SimpleNamespace(
            rewards=(rewards := {}),
            metrics={},
            last_reply=reply,
            record_reward=lambda name, value, weight: rewards.__setitem__(name, value),
        )

    judged = rollout("score=10")
    asyncio.run(task.score(judged))
    assert judged.rewards == {"judge": 1.0}
    unjudged = rollout("garble")
    with pytest.raises(errors.TaskError, match="not judged"):
        asyncio.run(task.score(unjudged))
    assert unjudged.rewards == {"judge": None}


def test_nemo_gym(live: LiveServer) -> None:
    gym = real("nemo_gym.base_resources_server")
    output = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "score=10", "annotations": []}],
    }
    sent = gym.BaseVerifyRequest.model_validate(
        {
            "responses_create_params": {"input": "What is shown?"},
            "response": {
                "id": "resp",
                "object": "response",
                "created_at": 0,
                "model": "policy",
                "output": [output],
                "parallel_tool_calls": True,
                "tool_choice": "auto",
                "tools": [],
            },
        }
    )

    def verify(body: dict[str, Any]) -> Any:
        answer = httpx.post(
            f"{live.url}/v1/wires/nemo_gym/verify", json=body, params={"rubric": "captioning"}
        )
        return gym.BaseVerifyResponse.model_validate(answer.raise_for_status().json())

    body = sent.model_dump(mode="json")
    assert verify(body).reward == 1.0
    body["response"]["output"][0]["content"][0]["text"] = "garble"
    masked = verify(body)
    assert masked.mask_sample
    assert masked.failure_kind == "judge_unparseable"
    assert not math.isnan(masked.reward)
