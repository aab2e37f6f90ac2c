"""The reward functions in the forms in which TRL calls them."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerState

from judge import Image, Judge, Reason
from judge.engines.scripted import prompt_text
from reward import Reward, RewardRequestError
from reward.adapters import trl
from reward.adapters.columns import zero_variance_rate
from reward.adapters.core import read_settings
from reward.adapters.trl import (
    AsyncJudgeReward,
    JudgeReward,
    OnlineDPOReward,
    judge_reward,
    judge_reward_async,
)
from reward.errors import UnjudgedError
from reward.server import ServerConfig, create_app
from reward.wire import Pictures
from tests.reward.harness import LiveServer, TestEngine, picture
from tests.reward.store.cases import rows

UNREACHABLE = "http://127.0.0.1:9"


class Logs:
    """TRL's ``log_extra`` and ``log_metric``."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.metrics: dict[str, float] = {}

    @property
    def keywords(self) -> dict[str, Any]:
        return {
            "log_extra": self.columns.__setitem__,
            "log_metric": self.metrics.__setitem__,
            "trainer_state": object(),
            "completion_ids": [[1]],
            "solution": ["another column"],
        }


def chat(text: str, image: Any = None) -> list[dict[str, Any]]:
    content: Any = text
    if image is not None:
        content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}]


def reward_function(live: LiveServer, **options: Any) -> JudgeReward:
    return JudgeReward(url=live.url, rubric="captioning", **options)


def test_the_store_keeps_the_run_and_trls_step(judge: Judge, tmp_path: Path) -> None:
    store = str(tmp_path / "verdicts.db")
    live = LiveServer(lambda: create_app(judge, ServerConfig(store=store)))
    live.start()
    try:
        function = reward_function(live, run="grpo-7")
        assert function(["p"], ["score=1"], trainer_state=TrainerState(global_step=12)) == [0.0]
        function.close()
    finally:
        live.stop()
    assert [(row.run, row.step) for row in rows(store)] == [("grpo-7", 12)]


def test_plain_strings(live: LiveServer) -> None:
    rewards = reward_function(live)(["p", "p", "q"], ["score=1", "garble", "score=10"])
    assert rewards == [0.0, None, 1.0]


@pytest.mark.parametrize("form", ["image", "images", "messages"])
def test_pictures_in_each_form(form: str, live: LiveServer, engine: TestEngine) -> None:
    shared, other = picture("red"), picture("blue")
    pictures = [shared, shared, other]
    columns: dict[str, Any] = {}
    prompts = [chat("Describe.", each) for each in pictures]
    if form == "image":
        columns["image"] = pictures
    if form == "images":
        columns["images"] = [[each] for each in pictures]
        prompts = [chat("Describe.")] * 3
    completions = [said("score=1"), said("score=4"), said("score=10")]
    rewards = reward_function(live)(prompts, completions, **columns)
    assert rewards == pytest.approx([0.0, 3 / 9, 1.0])
    assert [len(prompt.parts(Image)) for prompt in engine.prompts] == [1, 1, 1]
    assert live.count("PUT") == 2


def test_rows_without_a_picture_among_others(live: LiveServer, engine: TestEngine) -> None:
    rewards = reward_function(live)(
        ["p", "q", "r"],
        ["score=10", "score=10", "score=1"],
        images=[[picture()], None, []],
    )
    assert rewards == [1.0, 1.0, 0.0]
    assert sorted(len(prompt.parts(Image)) for prompt in engine.prompts) == [0, 0, 1]


def test_unreadable_picture_costs_its_own_sample_only(live: LiveServer) -> None:
    logs = Logs()
    rewards = reward_function(live)(
        ["p", "q"], ["score=10", "score=10"], image=[b"junk", picture()], **logs.keywords
    )
    assert rewards == [None, 1.0]
    assert logs.columns["judge_rationale"][0].startswith("unjudged (bad_request):")


def test_same_picture_object_is_encoded_once(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    real = Pictures.load.__globals__["load_image"]

    def counting(source: Any) -> Any:
        loads.append(source)
        return real(source)

    monkeypatch.setitem(Pictures.load.__globals__, "load_image", counting)
    shared = picture()
    reward_function(live)(["p"] * 8, ["score=3"] * 8, image=[shared] * 8)
    assert sum(source is shared for source in loads) == 1


def test_reference_and_question_columns(live: LiveServer, engine: TestEngine) -> None:
    reward_function(live, question_column="question", reference_column="gold")(
        ["policy prompt"], ["score=1"], question=["the question"], gold=["the gold"]
    )
    text = prompt_text(engine.prompts[0])
    assert "the question" in text
    assert "the gold" in text
    assert "policy prompt" not in text


def test_absent_reference_is_none(live: LiveServer) -> None:
    rewards = reward_function(live)(["p", "p"], ["score=1", "score=10"], reference=[None, "gold"])
    assert rewards == [0.0, 1.0]


def last_word(text: str) -> str:
    return text.rsplit(maxsplit=1)[-1]


def test_molecule_of_the_completion(live: LiveServer, engine: TestEngine) -> None:
    pytest.importorskip("rdkit")
    reward_function(live, molecule_of=last_word)(["wish"], [said("my molecule is CCO")])
    text = prompt_text(engine.prompts[0])
    assert "SMILES: CCO" in text
    assert "my molecule" not in text


def test_logs(live: LiveServer) -> None:
    logs = Logs()
    reward_function(live)(
        ["a", "a", "b", "b", "c", "c"],
        ["score=4", "score=4", "score=1", "score=2", "garble", "score=7"],
        **logs.keywords,
    )
    assert logs.columns["judge_score"] == [4, 4, 1, 2, None, 7]
    assert logs.columns["judge_rationale"][0] == "as told"
    assert logs.columns["judge_rationale"][4].startswith("unjudged (not_a_number)")
    assert logs.metrics["judge/unjudged_rate"] == pytest.approx(1 / 6)
    assert logs.metrics["judge/zero_variance_rate"] == 0.5


def test_two_functions_in_one_run_log_apart(live: LiveServer) -> None:
    logs = Logs()
    for name in ("caption", "style"):
        function = reward_function(live, name=name)
        assert function.__name__ == name
        function(["p"], ["score=4"], **logs.keywords)
    assert set(logs.columns) == {
        "caption_rationale",
        "caption_score",
        "style_rationale",
        "style_score",
    }


def rewarded(*values: float | None) -> list[Reward]:
    return [
        Reward(None, reason=Reason.DEADLINE) if value is None else Reward(value) for value in values
    ]


@pytest.mark.parametrize(
    ("groups", "values", "rate"),
    [
        ("aaaa", (0.5, 0.5, 0.5, 0.5), 1.0),
        ("aabb", (0.5, 0.5, 0.5, 0.6), 0.5),
        ("aabb", (0.5, None, 0.5, 0.6), 0.0),
        ("aab", (0.5, 0.5, 0.1), 1.0),
        ("abab", (0.5, 0.5, 0.5, 0.5), None),
        ("aabb", (None, None, None, 0.5), None),
        ("", (), None),
    ],
)
def test_zero_variance_rate(groups: str, values: tuple[Any, ...], rate: float | None) -> None:
    assert zero_variance_rate([(group, ()) for group in groups], rewarded(*values)) == rate


def test_pictures_tell_groups_apart(live: LiveServer) -> None:
    logs = Logs()
    pictures = [picture("red"), picture("red"), picture("blue"), picture("blue")]
    completions = ["score=4", "score=4", "score=1", "score=2"]
    reward_function(live)(["Describe."] * 4, completions, image=pictures, **logs.keywords)
    assert logs.metrics["judge/zero_variance_rate"] == 0.5


def test_a_failing_server_is_none_not_an_exception() -> None:
    logs = Logs()
    function = JudgeReward(url=UNREACHABLE, rubric="captioning", deadline_s=0.3)
    assert function(["p", "p"], ["x", "y"], **logs.keywords) == [None, None]
    assert logs.metrics == {"judge/unjudged_rate": 1.0}
    assert logs.columns["judge_score"] == [None, None]


async def test_async_twin(live: LiveServer) -> None:
    logs = Logs()
    function = AsyncJudgeReward(url=live.url, rubric="captioning")
    columns = {"image": [picture()] * 2, **logs.keywords}
    rewards = await function(["p", "p"], [said("score=1"), said("score=10")], **columns)
    assert rewards == [0.0, 1.0]
    assert logs.columns["judge_score"] == [1, 10]
    await function.aclose()


def test_trl_tells_sync_from_async() -> None:
    """TRL 1.16 looks at a function, and at the ``__call__`` of an instance."""
    assert inspect.iscoroutinefunction(judge_reward_async)
    assert inspect.iscoroutinefunction(AsyncJudgeReward(rubric="r").__call__)
    assert not inspect.iscoroutinefunction(judge_reward)
    assert not inspect.iscoroutinefunction(JudgeReward(rubric="r").__call__)


def test_ready_functions_read_the_environment_at_each_call(
    served: pytest.MonkeyPatch,
) -> None:
    assert judge_reward(["p"], ["score=10"]) == [1.0]
    served.setenv("FLEXREWARD_URL", UNREACHABLE)
    served.setenv("FLEXREWARD_DEADLINE_S", "0.2")
    assert judge_reward(["p"], ["score=10"]) == [None]


async def test_ready_async_function(served: pytest.MonkeyPatch) -> None:
    calls = [judge_reward_async(["p"], [f"score={score}"]) for score in (1, 10)]
    assert await asyncio.gather(*calls) == [[0.0], [1.0]]
    settings = read_settings()
    await trl._async_reward(settings).aclose()


def test_environment_is_checked(served: pytest.MonkeyPatch) -> None:
    served.setenv("FLEXREWARD_DEADLINE_S", "soon")
    with pytest.raises(RewardRequestError, match=r"FLEXREWARD_DEADLINE_S.*'soon'"):
        judge_reward(["p"], ["x"])
    served.delenv("FLEXREWARD_RUBRIC")
    with pytest.raises(RewardRequestError, match="FLEXREWARD_RUBRIC"):
        judge_reward(["p"], ["x"])


def pickled(function: Any) -> Any:
    return pickle.loads(pickle.dumps(function))  # noqa: S301 - made here


def test_functions_pickle_after_use(live: LiveServer) -> None:
    function = reward_function(live)
    assert function(["p"], ["score=10"]) == [1.0]
    assert pickled(function)(["p"], ["score=10"]) == [1.0]
    twin = AsyncJudgeReward(url=live.url, rubric="captioning")
    assert pickled(twin).__name__ == "judge"
    assert pickled(judge_reward) is judge_reward


def test_function_in_a_spawned_child(live: LiveServer) -> None:
    function = reward_function(live)
    assert function(["p"], ["score=10"]) == [1.0]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(function, (["p"], ["score=10"])) == [1.0]


def test_online_dpo_gets_numbers(live: LiveServer) -> None:
    """Prompts come twice over, as do the columns; no logs are passed."""
    function = OnlineDPOReward(url=live.url, rubric="captioning", unjudged=-1.0)
    completions = ["score=10", "score=1", "garble", "score=4"]
    rewards = function(["p", "q"] * 2, completions, completion_ids=[[1]] * 4, trainer_state=None)
    assert rewards == [1.0, 0.0, -1.0, pytest.approx(1 / 3)]
    assert not inspect.iscoroutinefunction(function.__call__)
    function.close()


def test_online_dpo_may_raise(live: LiveServer) -> None:
    function = OnlineDPOReward(url=live.url, rubric="captioning", unjudged="raise")
    with pytest.raises(UnjudgedError, match="not_a_number"):
        function(["p"] * 2, ["score=10", "garble"])
    with pytest.raises(RewardRequestError, match="finite number or 'raise'"):
        OnlineDPOReward(rubric="captioning", unjudged=float("nan"))
