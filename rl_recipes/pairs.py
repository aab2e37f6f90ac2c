"""Preference pairs: the policy's answers, labelled by the reward, best against worst."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm

from judge.messages import is_messages
from judge.rows import picture_sources
from rl_recipes.candidates import Answer
from rl_recipes.recipe import RewardFunction

_ROWS_AT_ONCE = 64
Labels = list[float | None]
"""The reward of each answer to a row, in [0, 1]; None of those that have none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to a row, and what each was worth."""

    row: int
    chosen: str
    rejected: str
    chosen_reward: float
    rejected_reward: float


@dataclass(frozen=True, slots=True)
class PairReport:
    """What became of all rows: ``rows`` is the sum of the other counts, the last two aside.

    ``unanswered`` rows could not be put to the policy, ``too_few`` ones have fewer than two answers
    that are whole, different and rewarded, ``close`` ones no two that differ by more than the
    margin. ``unlabelled_rate`` is the share of answers asked for that got no reward,
    ``longer_rate`` that of pairs whose chosen answer is the longer one (in words), ties a half;
    near 1 the judge may be rewarding length. None without a pair.
    """

    rows: int
    pairs: int
    unanswered: int
    too_few: int
    close: int
    unlabelled_rate: float
    longer_rate: float | None


def label_by_reward(
    function: RewardFunction, rows: Dataset, answers: Sequence[Sequence[Answer]], path: Path
) -> list[Labels]:
    """The answers' rewards by a reward function as TRL calls it, in portions that are kept in
    ``path``; what is there is not asked for again, unless it lacks a label.
    """
    columns = [name for name in rows.column_names if name != "prompt"]

    def label(places: Sequence[int]) -> list[Labels]:
        flat = [(rows[place], answer) for place in places for answer in answers[place]]
        rewards = function(
            prompts=[row["prompt"] for row, _ in flat],
            completions=[_completion(row["prompt"], answer.text) for row, answer in flat],
            **{name: [row[name] for row, _ in flat] for name in columns},
        )
        if inspect.isawaitable(rewards):
            rewards = asyncio.run(_awaited(rewards))
        found = iter(rewards)
        return [[next(found) for _ in answers[place]] for place in places]

    return _labelled(answers, label, path)


def choose_pairs(
    answers: Sequence[Sequence[Answer]], labels: Sequence[Labels], min_margin: float, asked: int
) -> tuple[list[Pair], PairReport]:
    """Of each row the best and the worst of the answers, of which it was ``asked`` so many, where
    they differ by more than the margin.

    Answers that were cut off are not paired: a policy would learn not to end. Of equal rewards the
    first answer counts.
    """
    pairs: list[Pair] = []
    unanswered = too_few = close = 0
    for place, (of_row, rewards) in enumerate(zip(answers, labels, strict=True)):
        if not of_row:
            unanswered += 1
            continue
        worth = {
            answer.text: reward
            for answer, reward in zip(of_row, rewards, strict=True)
            if reward is not None and answer.is_whole
        }
        if len(worth) < 2:
            too_few += 1
            continue
        best, worst = max(worth, key=lambda text: worth[text]), min(worth, key=worth.__getitem__)
        if worth[best] - worth[worst] <= min_margin:
            close += 1
            continue
        pairs.append(Pair(place, best, worst, worth[best], worth[worst]))
    total = asked * len(answers)
    labelled = sum(reward is not None for rewards in labels for reward in rewards)
    report = PairReport(
        rows=len(answers),
        pairs=len(pairs),
        unanswered=unanswered,
        too_few=too_few,
        close=close,
        unlabelled_rate=(total - labelled) / max(1, total),
        longer_rate=_longer_rate(pairs),
    )
    return pairs, report


def preference_rows(rows: Dataset, pairs: Sequence[Pair]) -> Dataset:
    """The pairs as TRL's DPOTrainer takes them: ``prompt``, ``chosen``, ``rejected``, and
    ``images`` where the rows show pictures; beside them the rewards.
    """
    made = []
    for pair in pairs:
        row = rows[pair.row]
        pictures = picture_sources(row)
        made.append(
            {
                "prompt": row["prompt"],
                "chosen": _completion(row["prompt"], pair.chosen),
                "rejected": _completion(row["prompt"], pair.rejected),
                **({"images": pictures} if pictures else {}),
                "chosen_score": pair.chosen_reward,
                "rejected_score": pair.rejected_reward,
            }
        )
    return Dataset.from_list(made)


def write_report(report: PairReport, path: Path) -> None:
    """Keeps the report as JSON."""
    path.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")


def _labelled(
    answers: Sequence[Sequence[Answer]],
    label: Callable[[Sequence[int]], list[Labels]],
    path: Path,
) -> list[Labels]:
    """Labels of all rows' answers. ``path`` holds a line a portion; rows in it that lack a label
    are asked for again.
    """
    known, count = _read_labels(path), len(answers)
    todo = [
        place
        for place, of_row in enumerate(answers)
        if len(known.get(place, [])) < len(of_row) or None in known.get(place, [])
    ]
    with (
        path.open("a", encoding="utf-8") as file,
        tqdm(total=count, initial=count - len(todo), desc="labelling", unit="row") as bar,
    ):
        for start in range(0, len(todo), _ROWS_AT_ONCE):
            places = todo[start : start + _ROWS_AT_ONCE]
            found = dict(zip(places, label(places), strict=True))
            file.write(json.dumps(list(found.items())) + "\n")
            file.flush()
            known |= found
            bar.update(len(places))
    return [known.get(place, []) for place in range(count)]


def _read_labels(path: Path) -> dict[int, Labels]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]  # a kill may have torn the last line
    path.write_text(whole, encoding="utf-8")
    return dict(pair for line in whole.splitlines() for pair in json.loads(line))


def _completion(prompt: Any, text: str) -> Any:
    """The answer in the form of the prompt: chat messages to chat messages."""
    return [{"role": "assistant", "content": text}] if is_messages(prompt) else text


def _longer_rate(pairs: Sequence[Pair]) -> float | None:
    lengths = [(len(pair.chosen.split()), len(pair.rejected.split())) for pair in pairs]
    if not lengths:
        return None
    return sum(0.5 * (1 + (a > b) - (a < b)) for a, b in lengths) / len(lengths)


async def _awaited(rewards: Any) -> Any:
    return await rewards
