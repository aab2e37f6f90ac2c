"""``POST /v1/groups``: alone, spread over ranks, and with ranks that are missing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Completion, Decoding, Prompt
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server import create_app
from tests.reward.harness import make_judge, serving


class Engine(ScriptedEngine):
    """Gives each candidate the score that it states; ``hang`` in one of them hangs."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: _reply(prompt).removeprefix(prompt.begun))
        self.cancelled = 0

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        if "hang" in prompt_text(prompt):
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await super().generate(prompt, decoding)


def _reply(prompt: Prompt) -> str:
    scores = re.findall(r"score=(\w+)", prompt_text(prompt))
    tags = "".join(f"<answer>{score}</answer>" for score in scores)
    return f"<think>\nas told\n</think>\n{tags}"


@pytest.fixture
def scorer() -> Engine:
    return Engine()


@pytest.fixture
async def api(tmp_path: Path, scorer: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(make_judge(tmp_path / "j", scorer))) as http:
        scorer.prompts.clear()  # those of a warm-up
        yield http


def group(*scores: object, **fields: Any) -> dict[str, Any]:
    samples = [{"prompt": "Q", "completion": f"score={score}"} for score in scores]
    return {"rubric": "captioning", "samples": samples, **fields}


def cohort(part: str, size: int = 4, **fields: Any) -> dict[str, Any]:
    return {"id": "run/step1/prompt1", "part": part, "size": size, "wait_s": 20, **fields}


async def ask(http: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await http.post("/v1/groups", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert len(answer["results"]) == len(body["samples"])
    return answer


def rewards(answer: dict[str, Any]) -> list[float | None]:
    return [result["reward"] for result in answer["results"]]


async def test_a_round_robin_by_default(api: httpx.AsyncClient, scorer: Engine) -> None:
    body = group(3, 9, 5)
    body["samples"][1]["id"] = "b"
    answer = await ask(api, body)
    assert rewards(answer) == [0.0, 1.0, 0.5]
    assert answer["present"] == 3
    assert answer["rubric"].startswith("captioning-")
    assert [(each["asked"], each["judged"]) for each in answer["results"]] == [(2, 2)] * 3
    assert [each["id"] for each in answer["results"]] == [None, "b", None]
    assert len({prompt_text(prompt) for prompt in scorer.prompts}) == 6


async def test_listwise_beside_the_pointwise_reward(api: httpx.AsyncClient, scorer: Engine) -> None:
    comparison = {"method": "listwise", "permutations": 3}
    answer = await ask(
        api, group(1, 10, comparison=comparison, pointwise_weight=0.5, rationale=True)
    )
    assert rewards(answer) == [0.0, 1.0]
    high = answer["results"][1]
    assert high["parts"] == {"comparison": 1.0, "pointwise": 1.0}
    assert (high["score"], high["rationale"]) == (10.0, "as told")
    assert (high["asked"], high["judged"]) == (3, 3)


async def test_choice_is_not_scored_here(api: httpx.AsyncClient) -> None:
    answer = await ask(api, group(3, 9, comparison={"method": "pairwise", "protocol": "choice"}))
    assert rewards(answer) == [None, None]
    assert {each["reason"] for each in answer["results"]} == {"unknown_option"}


async def test_what_cannot_be_judged_leaves_the_others_alone(api: httpx.AsyncClient) -> None:
    body = group(3, 9)
    body["samples"].append({"prompt": "Q"})
    answer = await ask(api, body)
    assert rewards(answer) == [0.0, 1.0, None]
    assert answer["results"][2]["reason"] == "bad_request"


async def test_a_group_over_ranks_is_judged_once_as_one(
    api: httpx.AsyncClient, scorer: Engine
) -> None:
    ranks = [group(3, 9, cohort=cohort("0")), group(5, 1, cohort=cohort("1"))]
    answers = await asyncio.gather(*(ask(api, body) for body in ranks))
    assert [rewards(answer) for answer in answers] == [
        pytest.approx([1 / 3, 1.0]),
        pytest.approx([2 / 3, 0.0]),
    ]
    assert [answer["present"] for answer in answers] == [4, 4]
    assert len(scorer.prompts) == len({prompt_text(each) for each in scorer.prompts}) * 2
    whole = await ask(api, group(3, 9, 5, 1))
    assert rewards(whole) == rewards(answers[0]) + rewards(answers[1])


async def test_a_missing_rank_does_not_stall_the_others(api: httpx.AsyncClient) -> None:
    answer = await ask(api, group(3, 9, cohort=cohort("0", wait_s=0.2)))
    assert rewards(answer) == [0.0, 1.0]
    assert answer["present"] == 2
    late = await ask(api, group(5, 1, cohort=cohort("1", wait_s=0.2)))
    assert rewards(late) == [None, None]
    assert {each["reason"] for each in late["results"]} == {"deadline"}
    assert "came after its group was closed" in late["results"][0]["detail"]


@pytest.mark.parametrize(("scores", "on_missing"), [((3,), "judge"), ((3, 9), "unjudged")], ids=str)
async def test_too_few_of_a_group_stay_unjudged(
    scores: tuple[int, ...], on_missing: str, api: httpx.AsyncClient, scorer: Engine
) -> None:
    few = cohort("0", wait_s=0.2, on_missing=on_missing)
    answer = await ask(api, group(*scores, cohort=few))
    assert rewards(answer) == [None] * len(scores)
    assert answer["results"][0]["reason"] == "deadline"
    assert f"{len(scores)} of the group's 4 came within 0.2 s" in answer["results"][0]["detail"]
    assert scorer.prompts == []


async def test_a_rank_without_samples_has_no_results(api: httpx.AsyncClient) -> None:
    assert (await ask(api, group(cohort=cohort("0"))))["results"] == []
    assert (await ask(api, group()))["results"] == []


async def test_a_hanging_judge_costs_its_own_comparisons_only(
    api: httpx.AsyncClient, scorer: Engine
) -> None:
    answer = await ask(api, group(3, 9, "5 hang", deadline_s=2))
    low, high, hung = answer["results"]
    assert (low["reward"], high["reward"], hung["reward"]) == (0.0, 1.0, None)
    assert hung["reason"] == "deadline"
    assert (low["asked"], low["judged"]) == (2, 1)
    assert scorer.cancelled == 4


async def test_a_rank_whose_deadline_comes_first_is_answered_then(api: httpx.AsyncClient) -> None:
    patient = asyncio.create_task(
        ask(api, group("3 hang", 9, cohort=cohort("0", wait_s=1), deadline_s=6))
    )
    hasty = await ask(api, group(5, 1, cohort=cohort("1", wait_s=1), deadline_s=1.5))
    assert [each["reason"] for each in hasty["results"]] == ["deadline", "deadline"]
    assert not patient.done()
    assert rewards(await patient) == [None, 1.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (group(1, 2, rubric="nope"), "unknown rubric 'nope'"),
        (
            {"rubric": "captioning", "samples": [{"prompt": "Q"}, {"prompt": "R"}]},
            "share prompt, images and reference",
        ),
        (group(*range(100)), "a group of 100 would take 9900 calls of the judge"),
        (group(*range(27), comparison={"method": "listwise"}), "26 different candidates at most"),
        (group(1, cohort=cohort("0"), deadline_s=20), r"cohort.wait_s (20) has to be below"),
        (group(1, 2, pointwise_weight=1), "body.pointwise_weight"),
        (group(1, 2, comparison={"method": "odd"}), "body.comparison"),
        (group(*range(5), cohort=cohort("0")), "brought 5 samples to 0 others"),
    ],
    ids=str,
)
async def test_what_does_not_go_together_is_refused(
    body: dict[str, Any], message: str, api: httpx.AsyncClient, scorer: Engine
) -> None:
    response = await api.post("/v1/groups", json=body)
    assert response.status_code == 422
    assert message in response.json()["detail"]
    assert scorer.prompts == []


async def test_a_part_of_another_group_is_refused_alone(api: httpx.AsyncClient) -> None:
    first = asyncio.create_task(ask(api, group(3, 9, cohort=cohort("0"))))
    await asyncio.sleep(0.1)
    for other in (
        group(5, 1, cohort=cohort("1", size=8)),
        group(5, 1, cohort=cohort("1"), comparison={"method": "listwise"}),
        group(5, 1, cohort=cohort("0")),
    ):
        assert (await api.post("/v1/groups", json=other)).status_code == 422
    answer = await ask(api, group(5, 1, cohort=cohort("1")))
    assert rewards(answer) == pytest.approx([2 / 3, 0.0])
    assert rewards(await first) == pytest.approx([1 / 3, 1.0])


async def test_replies_that_cannot_be_read_leave_no_reward(api: httpx.AsyncClient) -> None:
    answer = await ask(api, group(3, "none", cohort=cohort("0", size=2)))
    assert rewards(answer) == [None, None]
    assert {each["reason"] for each in answer["results"]} == {"not_a_number"}
