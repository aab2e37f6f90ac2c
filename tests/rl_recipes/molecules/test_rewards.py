"""The molecules reward as TRL calls it, against a server whose judge is never wrong."""

from __future__ import annotations

from typing import Any

import pytest

from rl_recipes.molecules.chem.memory import ScaffoldMemory
from rl_recipes.molecules.rewards import MoleculeJudgeReward, compose, smiles_of
from tests.reward.harness import LiveServer

WISH = "Find a molecule with rings 1 to 1, donors 0 to 0."
UNREACHABLE = "http://127.0.0.1:9"


class Logs:
    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.metrics: dict[str, float] = {}

    @property
    def keywords(self) -> dict[str, Any]:
        return {"log_extra": self.columns.__setitem__, "log_metric": self.metrics.__setitem__}


def chats(*texts: str) -> dict[str, Any]:
    return {
        "prompts": [[{"role": "user", "content": WISH}]] * len(texts),
        "completions": [[{"role": "assistant", "content": text}] for text in texts],
    }


def reward(url: str, memory: ScaffoldMemory | None = None, **composition: Any) -> Any:
    return MoleculeJudgeReward(
        compose("molecule", **composition),
        memory or ScaffoldMemory(bucket_size=2, penalty=0.5),
        url=url,
        deadline_s=20,
    )


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("CCO", "CCO"),
        (" CCO\n", "CCO"),
        ("I add a ring.\n<answer>CCO</answer>", "CCO"),
        ("<answer>CCN</answer> no: <answer> CCO </answer>\n", "CCO"),
        ("<answer>CCO</answer> is it", "<answer>CCO</answer> is it"),
        ("The answer is CCO", "The answer is CCO"),
        ("", ""),
    ],
)
def test_the_smiles_in_a_completion(text: str, smiles: str) -> None:
    assert smiles_of(text) == smiles


def test_the_judge_tells_how_far_the_wish_is_met(exact: LiveServer) -> None:
    rewards = reward(exact.url)(**chats("Cc1ccccc1", "Oc1ccccc1", "CCO"))
    assert rewards == pytest.approx([1.0, 5 / 9, 0.0])  # the score 5.5 of 1 to 10 is rounded to 6


def test_what_is_no_molecule_gets_nothing_and_costs_no_call() -> None:
    logs = Logs()
    function = reward(UNREACHABLE)
    assert function(**chats("", "CCO words", "[Au]", "C1CC"), **logs.keywords) == [0.0] * 4
    assert logs.columns["molecule_wish_valid"] == [0.0] * 4
    assert logs.metrics["molecule_wish/unjudged_rate"] == 0


def test_without_a_judge_there_is_no_reward_and_nothing_is_remembered() -> None:
    memory = ScaffoldMemory()
    function = MoleculeJudgeReward(compose("molecule"), memory, url=UNREACHABLE, deadline_s=0.3)
    assert function(**chats("Cc1ccccc1", "")) == [None, 0.0]
    assert memory.state_dict() == ScaffoldMemory().state_dict()


def test_repeats_and_full_buckets_are_worth_less(exact: LiveServer) -> None:
    logs = Logs()
    function = reward(exact.url)
    texts = ("Cc1ccccc1", "c1ccccc1C", "CCc1ccccc1", "CCCc1ccccc1", "C1CCCCC1")
    assert function(**chats(*texts), **logs.keywords) == [1.0, 0.5, 1.0, 0.5, 1.0]
    assert logs.columns["molecule_wish_diversity"] == [1.0, 0.5, 1.0, 0.5, 1.0]
    assert logs.columns["molecule_wish_judge"] == [1.0] * 5


def test_alerts_can_be_a_gate_and_desirability_a_term(exact: LiveServer) -> None:
    logs = Logs()
    function = reward(exact.url, refuse_alerts=True, desirability_weight=1.0)
    azo, plain = "Cc1ccc(N=NC)cc1", "CCCc1ccccc1"
    values = function(**chats(azo, plain), **logs.keywords)
    assert values[0] == 0.0
    liked = logs.columns["molecule_wish_desirability"][1]
    assert values[1] == pytest.approx((1.0 + liked) / 2)


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="desirability"):
        compose("molecule", desirability_weight=-1.0)
