"""From answers and rewards to preference pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from judge.errors import RequestError
from rl_recipes.candidates import Answer
from rl_recipes.captioning.recipe import CaptioningRecipe
from rl_recipes.captioning.rewards import CaptionJudgeReward, load_reward
from rl_recipes.molecules.recipe import MoleculesRecipe
from rl_recipes.options import PairOptions
from rl_recipes.pairs import (
    Pair,
    choose_pairs,
    label_by_reward,
    label_in_both_orders,
    preference_rows,
)
from rl_recipes.preferences import engine_args, load_pairs
from tests.reward.harness import LiveServer, picture

PROMPT = [{"role": "user", "content": "p"}]


def answers(*texts: str, cut: Sequence[str] = ()) -> list[Answer]:
    return [Answer(text, 1.0, text not in cut) for text in texts]


def test_best_against_worst() -> None:
    pairs, report = choose_pairs([answers("a", "b", "c")], [[0.5, 0.9, 0.1]], 0.0)
    assert pairs == [Pair(0, "b", "c", 0.9, 0.1)]
    assert (report.rows, report.pairs, report.too_few, report.close) == (1, 1, 0, 0)


def test_answers_without_a_reward_or_an_end_are_not_paired() -> None:
    rows = [answers("a", "b", "c"), answers("a", "b", cut=("a",)), answers("same", "same")]
    pairs, report = choose_pairs(rows, [[None, 0.2, 0.1], [0.9, 0.1], [0.5, 0.5]], 0.0)
    assert pairs == [Pair(0, "b", "c", 0.2, 0.1)]
    assert (report.pairs, report.too_few, report.close) == (1, 2, 0)
    assert report.unlabelled_rate == pytest.approx(1 / 7)


@pytest.mark.parametrize(("margin", "count"), [(0.0, 1), (0.19, 1), (0.2, 0)])
def test_the_margin(margin: float, count: int) -> None:
    pairs, report = choose_pairs([answers("a", "b")], [[0.5, 0.7]], margin)
    assert (len(pairs), report.close) == (count, 1 - count)


def test_equal_rewards_teach_nothing() -> None:
    assert choose_pairs([answers("a", "b")], [[0.5, 0.5]], 0.0)[0] == []


def test_the_report_tells_of_length() -> None:
    rows = [answers("one two", "one"), answers("x", "y"), answers("one", "one two")]
    _, report = choose_pairs(rows, [[1.0, 0.0]] * 3, 0.0)
    assert report.longer_rate == 0.5
    assert choose_pairs([], [], 0.0)[1].longer_rate is None


def test_rows_for_trl() -> None:
    rows = Dataset.from_dict({"prompt": [PROMPT, PROMPT], "image": [picture("red"), picture()]})
    made = preference_rows(rows, [Pair(1, "good", "bad", 0.9, 0.1)])
    (row,) = made
    assert row["prompt"] == PROMPT
    assert row["chosen"] == [{"role": "assistant", "content": "good"}]
    assert row["rejected"] == [{"role": "assistant", "content": "bad"}]
    assert len(row["images"]) == 1
    texts = Dataset.from_dict({"prompt": ["p"]})
    (row,) = preference_rows(texts, [Pair(0, "good", "bad", 0.9, 0.1)])
    assert (row["chosen"], row["rejected"]) == ("good", "bad")
    assert "images" not in row


class Counted:
    """A reward function that counts what it is asked, and knows no reward of ``no``."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        self.asked += completions
        return [None if text.startswith("no") else len(text) / 10 for text in completions]


def test_labels_are_kept_and_only_what_lacks_one_is_asked_again(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"prompt": ["p"] * 3})
    all_answers = [answers("a", "bb"), answers("no", "ccc"), answers("d", "e")]
    path = tmp_path / "labels.jsonl"
    first = Counted()
    expected = [[0.1, 0.2], [None, 0.3], [0.1, 0.1]]
    assert label_by_reward(first, rows, all_answers, path) == expected
    assert len(first.asked) == 6
    with path.open("a") as file:
        file.write("[[2, [0.9")  # a kill in the middle of a line
    again = Counted()
    assert label_by_reward(again, rows, all_answers, path) == expected
    assert again.asked == ["no", "ccc"]


async def _later(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
    return await _nothing(completions)


async def _nothing(completions: list[str]) -> list[float | None]:
    return [None] * len(completions)


def test_an_asynchronous_reward_function_labels_too(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"prompt": ["p"]})
    labels = label_by_reward(_later, rows, [answers("a", "b")], tmp_path / "labels.jsonl")
    assert labels == [[None, None]]


def test_labels_of_the_judge(server: LiveServer, tmp_path: Path) -> None:
    rows = Dataset.from_dict({"prompt": [PROMPT], "image": [picture()]})
    found = [
        answers("it has score=10, all of it.", "it has score=1, all of it.", "nothing at all.")
    ]
    function = CaptionJudgeReward(load_reward(None, 0.0), url=server.url)
    (by_reward,) = label_by_reward(function, rows, found, tmp_path / "reward.jsonl")
    assert by_reward == [1.0, pytest.approx(0.3 / 1.3), None]
    (side_by_side,) = label_in_both_orders(
        server.url,
        "captioning",
        rows,
        [found[0][:2]],
        tmp_path / "orders.jsonl",
        show=CaptioningRecipe().judged_row,
        deadline_s=30,
    )
    assert side_by_side == [1.0, 0.0]


def test_the_judge_is_shown_what_the_answer_is() -> None:
    row = {"prompt": PROMPT, "image": "p.png", "reference": "a dog", "facts": ["dog"]}
    shown = CaptioningRecipe().judged_row(row, "a cat")
    assert shown == {
        "prompt": PROMPT,
        "image": "p.png",
        "reference": "a dog",
        "completion": "a cat",
    }
    molecule = MoleculesRecipe().judged_row({"prompt": PROMPT}, "so <answer>CCO</answer>")
    assert molecule == {"prompt": PROMPT, "molecule": "CCO"}


def test_pairs_that_are_there_already(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    columns = {"prompt": ["p"], "chosen": ["a"], "rejected": ["b"], "note": ["x"]}
    Dataset.from_dict(columns).to_parquet(str(path))
    assert load_pairs(str(path)).column_names == ["prompt", "chosen", "rejected"]
    Dataset.from_dict({"prompt": ["p"], "chosen": ["a"]}).to_parquet(str(path))
    with pytest.raises(RequestError, match="no column rejected"):
        load_pairs(str(path))


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_sampler_options_are_a_json_object(text: str) -> None:
    assert engine_args(PairOptions(sampler_options='{"a": 1}')) == {"a": 1}
    with pytest.raises(RequestError, match="takes a JSON object"):
        engine_args(PairOptions(sampler_options=text))
