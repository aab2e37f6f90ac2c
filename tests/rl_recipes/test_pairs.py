"""From answers and rewards to preference pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from judge.errors import RequestError
from rl_recipes.candidates import Answer
from rl_recipes.captioning.rewards import CaptionJudgeReward, load_reward
from rl_recipes.command import parse_run
from rl_recipes.options import PairOptions
from rl_recipes.pairs import (
    Pair,
    choose_pairs,
    label_by_reward,
    preference_rows,
)
from rl_recipes.preferences import engine_args, load_pairs, make_pairs, pairs_trained_on
from tests.reward.harness import LiveServer, picture

PROMPT = [{"role": "user", "content": "p"}]


def answers(*texts: str, cut: Sequence[str] = ()) -> list[Answer]:
    return [Answer(text, 1.0, text not in cut) for text in texts]


def test_best_against_worst() -> None:
    pairs, report = choose_pairs([answers("a", "b", "c")], [[0.5, 0.9, 0.1]], 0.0, 3)
    assert pairs == [Pair(0, "b", "c", 0.9, 0.1)]
    assert (report.rows, report.pairs, report.too_few, report.close) == (1, 1, 0, 0)


def test_answers_without_a_reward_or_an_end_are_not_paired() -> None:
    rows = [answers("a", "b", "c"), answers("a", "b", cut=("a",)), answers("same", "same"), []]
    pairs, report = choose_pairs(rows, [[None, 0.2, 0.1], [0.9, 0.1], [0.5, 0.5], []], 0.0, 3)
    assert pairs == [Pair(0, "b", "c", 0.2, 0.1)]
    assert (report.pairs, report.unanswered, report.too_few, report.close) == (1, 1, 2, 0)
    assert report.unlabelled_rate == pytest.approx(1 - 6 / 12)


@pytest.mark.parametrize(("margin", "count"), [(0.0, 1), (0.19, 1), (0.2, 0)])
def test_the_margin(margin: float, count: int) -> None:
    pairs, report = choose_pairs([answers("a", "b")], [[0.5, 0.7]], margin, 2)
    assert (len(pairs), report.close) == (count, 1 - count)


def test_equal_rewards_teach_nothing() -> None:
    assert choose_pairs([answers("a", "b")], [[0.5, 0.5]], 0.0, 2)[0] == []


def test_the_report_tells_of_length() -> None:
    rows = [answers("one two", "one"), answers("x", "y"), answers("one", "one two")]
    _, report = choose_pairs(rows, [[1.0, 0.0]] * 3, 0.0, 2)
    assert report.longer_rate == 0.5
    assert choose_pairs([], [], 0.0, 2)[1].longer_rate is None


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


def test_a_molecule_that_is_none_is_never_chosen(server: LiveServer, tmp_path: Path) -> None:
    """Compared side by side, where the judge's own card calls some of them valid."""
    options = ["--output_dir", str(tmp_path), "--compare", "pairwise", "--samples", "2"]
    run, _ = parse_run("dpo", ["molecules-dpo-nano", *options, "--reward_url", server.url])
    assert run.pairs is not None
    config = replace(run.config, reward_url=server.url)
    rows = Dataset.from_dict({"prompt": [PROMPT] * 2})
    found = [
        answers("CCO.CCO", "not one", "[13CH4]", "C1CC"),
        answers("CCO.CCO", "c1ccccc1", "[Au]", "C1CC"),
    ]
    (tmp_path / "pairs").mkdir()
    with pytest.raises(RequestError, match=r"no pairs came of 1 rows: .* 1 no two that differ"):
        make_pairs(run.recipe, rows.select([0]), found[:1], config, run.pairs)
    (row,) = make_pairs(run.recipe, rows, found, config, run.pairs)
    assert row["chosen"] == [{"role": "assistant", "content": "c1ccccc1"}]


def test_pairs_that_were_trained_on_are_not_made_again(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"prompt": [PROMPT], "image": [picture()]})
    made = preference_rows(rows, [Pair(0, "good", "bad", 0.9, 0.1)])
    (tmp_path / "pairs").mkdir()
    made.to_parquet(str(tmp_path / "pairs" / "pairs.parquet"))
    assert pairs_trained_on(tmp_path) is None
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "trainer_state.json").write_text("{}")
    found = pairs_trained_on(tmp_path)
    assert found is not None
    assert found.column_names == ["prompt", "chosen", "rejected", "images"]
    assert found[0]["chosen"] == made[0]["chosen"]


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
