"""The frameworks' own code, against a server. Each is skipped where its package is not installed:
none is light enough to be a dependency of the tests. Of what they depend on, little is needed here:

    uv pip install --no-deps --target frameworks openrlhf verl ms-swift areal aiofiles \\
        antlr4-python3-runtime==4.9.3 blinker colorlog dacite flask hydra-core itsdangerous \\
        json-repair modelscope modelscope-hub omegaconf orjson pydot pylatexenc pyvers tenacity \\
        tensordict torchdata wandb yappi
    pip install --no-deps --ignore-requires-python --target frameworks nemo-gym==0.7.0
    PYTHONPATH=.:frameworks pytest tests/reward/adapters/test_real_clients.py

    uv pip install --target verifiers verifiers
    PYTHONPATH=.:verifiers pytest tests/reward/adapters/test_real_clients.py -k verifiers
"""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from reward.adapters import areal, ms_swift
from reward.adapters.core import Settings, asker, read_settings
from tests.reward.harness import LiveServer, picture

DOCS = Path(__file__).parents[3] / "docs" / "frameworks"


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

        async def both(run: Any = run) -> list[dict[str, Any]]:
            try:
                return [await run(1), await run(2)]
            finally:
                await asker(Settings(live.url, "captioning")).aclose()

        judged, unjudged = asyncio.run(both())
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

    def trace(reply: str) -> Any:
        return SimpleNamespace(
            rewards=(rewards := {}),
            metrics={},
            last_reply=reply,
            record_reward=lambda name, value, weight: rewards.__setitem__(name, value),
        )

    async def score(rollout: Any) -> None:
        try:
            await task.score(rollout)
        finally:
            await asker(read_settings()).aclose()

    judged = trace("score=10")
    asyncio.run(score(judged))
    assert judged.rewards == {"judge": 1.0}
    unjudged = trace("garble")
    with pytest.raises(errors.TaskError, match="not judged"):
        asyncio.run(score(unjudged))
    assert unjudged.rewards == {"judge": None}


def rollout(text: str) -> dict[str, Any]:
    """A rollout as NeMo-Gym's agents send it."""
    output = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    response = {
        "id": "resp",
        "object": "response",
        "created_at": 0,
        "model": "policy",
        "output": [output],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return {"responses_create_params": {"input": "What is shown?"}, "response": response}


def test_nemo_gym(live: LiveServer) -> None:
    gym = real("nemo_gym.base_resources_server")

    def verify(text: str) -> Any:
        sent = gym.BaseVerifyRequest.model_validate(rollout(text))
        answer = httpx.post(
            f"{live.url}/v1/wires/nemo_gym/verify",
            json=sent.model_dump(mode="json"),
            params={"rubric": "captioning"},
        )
        return gym.BaseVerifyResponse.model_validate(answer.raise_for_status().json())

    assert verify("score=10").reward == 1.0
    masked = verify("garble")
    assert masked.mask_sample
    assert masked.failure_kind == "judge_unparseable"


def test_nemo_gyms_server_of_the_page(live: LiveServer) -> None:
    gym = real("nemo_gym.base_resources_server")
    judge = real("nemo_gym.judge")
    text = (DOCS / "nemo_gym.md").read_text(encoding="utf-8")
    snippet = text.partition("```python nemo_gym\n")[2].partition("```")[0]
    names: dict[str, Any] = {"__name__": "page"}
    exec(snippet, names)  # noqa: S102 - the documentation's own code
    url = f"{live.url}/v1/wires/nemo_gym/verify?rubric=captioning"
    server = names["JudgeServer"].model_construct(config=SimpleNamespace(judge_url=url))
    body = names["Rollout"].model_validate({**rollout("score=10"), "task_index": 4})
    verified = asyncio.run(server.verify(body))
    assert isinstance(verified, gym.BaseVerifyResponse)
    assert verified.reward == 1.0
    assert verified.model_dump()["task_index"] == 4
    server.config.judge_url = url.replace("captioning", "nonsense")
    with pytest.raises(judge.JudgeError, match="422"):
        asyncio.run(server.verify(body))
