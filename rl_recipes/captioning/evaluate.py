"""A captioner on held-out pictures: against the truth, against references, as a judge sees it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

from judge.nano.captions import accuracy
from reward.types import Reward
from rl_recipes.captioning.cider import CiderD
from rl_recipes.captioning.claims import ClaimReader, words_of
from rl_recipes.captioning.data import PROMPT, HeldOut
from rl_recipes.comparing import compare_groups
from rl_recipes.generation import write_answers
from rl_recipes.judging import DEADLINE_S, judge_samples
from rl_recipes.recipe import Policy

ANSWERS = "captions.jsonl"
MAX_NEW_TOKENS = 56
"""Longest caption of the synthetic world in tokens; the longest right one has 29."""


@dataclass(frozen=True, slots=True)
class Captioned:
    """A caption and how it was judged; ``reward`` is None where it was not, for ``reason``."""

    caption: str
    reward: float | None
    reason: str | None
    rationale: str

    @classmethod
    def of(cls, caption: str, reward: Reward) -> Captioned:
        """The caption with the judge's reward."""
        return cls(caption, reward.value, reward.reason, reward.rationale or reward.detail)


def write_captions(
    model: Any, processor: Any, pictures: Sequence[Image.Image], *, temperature: float = 0.0
) -> list[str]:
    """Captions of the synthetic world's pictures: greedy, or sampled at a temperature above 0."""
    return write_answers(
        Policy(model, processor),
        [PROMPT] * len(pictures),
        pictures,
        max_new_tokens=MAX_NEW_TOKENS,
        temperature=temperature,
    )


def true_accuracy(rows: Sequence[HeldOut], captions: Sequence[str]) -> float | None:
    """Mean of :func:`judge.nano.captions.accuracy` over the rows whose scene is known, in [0, 1];
    None without one.
    """
    values = [
        accuracy(row.scene, text)
        for row, text in zip(rows, captions, strict=True)
        if row.scene is not None
    ]
    return fmean(values) if values else None


async def judge_captions(
    rows: Sequence[HeldOut], captions: Sequence[str], url: str, rubric: str
) -> list[Captioned]:
    """The captions as the judge at ``url`` sees them, reasoning included."""
    samples = [_sample(row, text) for row, text in zip(rows, captions, strict=True)]
    rewards = await judge_samples(samples, url, rubric)
    return [Captioned.of(text, reward) for text, reward in zip(captions, rewards, strict=True)]


def measure(rows: Sequence[HeldOut], captioned: Sequence[Captioned]) -> dict[str, float]:
    """Figures of the captions; those that nothing is known for are left out.

    ``reward`` (mean over judged captions) and ``unjudged_rate``; ``true_accuracy`` by the scene;
    ``claim_precision`` and ``claim_recall`` by the facts; ``cider_d`` in [0, 10] and
    ``length_ratio`` by the references, whose document frequency is that of these rows; ``words`` a
    caption; ``distinct_1`` and ``distinct_2``, different n-grams over all of all captions.
    """
    captions = [each.caption for each in captioned]
    rewards = [each.reward for each in captioned if each.reward is not None]
    figures: dict[str, float | None] = {
        "reward": fmean(rewards) if rewards else None,
        "unjudged_rate": 1 - len(rewards) / len(captioned),
        "true_accuracy": true_accuracy(rows, captions),
        **dict(_claim_figures(rows, captions)),
        **dict(_reference_figures(rows, captions)),
        "words": fmean(len(text.split()) for text in captions),
        "distinct_1": _distinct(captions, 1),
        "distinct_2": _distinct(captions, 2),
    }
    return {name: value for name, value in figures.items() if value is not None}


def win_rate(first: Sequence[float | None], second: Sequence[float | None]) -> dict[str, float]:
    """How often the first is better than the second, ties a half; and the share of rows in which
    one of them has no value, which are not among those.
    """
    points = [
        0.5 * (1 + (a > b) - (a < b))
        for a, b in zip(first, second, strict=True)
        if a is not None and b is not None
    ]
    uncompared = 1 - len(points) / len(first)
    return {**({"win_rate": fmean(points)} if points else {}), "uncompared_rate": uncompared}


async def win_rate_in_both_orders(
    rows: Sequence[HeldOut],
    captions: Sequence[str],
    others: Sequence[str],
    *,
    url: str,
    rubric: str,
) -> dict[str, float]:
    """:func:`win_rate` of captions over others by a judge that compares them side by side."""
    groups = [
        [_sample(row, text), _sample(row, other)]
        for row, text, other in zip(rows, captions, others, strict=True)
    ]
    shares = await compare_groups(url, groups, rubric=rubric, deadline_s=DEADLINE_S)
    first, second = ([pair[side].value for pair in shares] for side in (0, 1))
    return win_rate(first, second)


def write_captioned(folder: Path, captioned: Sequence[Captioned]) -> None:
    """Keeps the captions of an evaluation, a line each, in the order of the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in captioned)
    (folder / ANSWERS).write_text("".join(lines), encoding="utf-8")


def read_captioned(folder: Path) -> list[Captioned]:
    """What :func:`write_captioned` kept."""
    with (folder / ANSWERS).open(encoding="utf-8") as lines:
        return [Captioned(**json.loads(line)) for line in lines]


def evaluate_captions(
    rows: Sequence[HeldOut],
    captions: Sequence[str],
    folder: Path,
    *,
    url: str,
    rubric: str,
    against: Path | None,
    side_by_side: bool,
) -> dict[str, float]:
    """Judges captions, keeps them in ``folder``, and measures them; see :func:`measure` and, with
    an earlier evaluation to compare with, :func:`win_rate`.
    """
    captioned = asyncio.run(judge_captions(rows, captions, url, rubric))
    write_captioned(folder, captioned)
    figures = measure(rows, captioned)
    if against is None:
        return figures
    others = read_captioned(against)
    if side_by_side:
        texts = [each.caption for each in others]
        won = asyncio.run(win_rate_in_both_orders(rows, captions, texts, url=url, rubric=rubric))
    else:
        won = win_rate([each.reward for each in captioned], [each.reward for each in others])
    return {**figures, **won}


def _sample(row: HeldOut, text: str) -> dict[str, Any]:
    return {"prompt": row.prompt, "completion": text, "image": row.picture}


def _claim_figures(rows: Sequence[HeldOut], captions: Sequence[str]) -> Iterator[tuple[str, float]]:
    reader = ClaimReader(fact for row in rows for fact in row.facts)
    scores = [
        reader.score(text, row.facts) for row, text in zip(rows, captions, strict=True) if row.facts
    ]
    if scores:
        yield "claim_precision", fmean(score.precision for score in scores)
        yield "claim_recall", fmean(score.recall for score in scores)


def _reference_figures(
    rows: Sequence[HeldOut], captions: Sequence[str]
) -> Iterator[tuple[str, float]]:
    known = [(row.references, text) for row, text in zip(rows, captions, strict=True)]
    known = [(references, text) for references, text in known if references]
    if len(known) < 2:
        return
    cider = CiderD([references for references, _ in known])
    yield "cider_d", fmean(cider.score(text, references) for references, text in known)
    true_words = sum(fmean(len(each.split()) for each in references) for references, _ in known)
    yield "length_ratio", sum(len(text.split()) for _, text in known) / true_words


def _distinct(texts: Sequence[str], n: int) -> float:
    """Distinct-n over all texts together (arXiv 1510.03055), in [0, 1]; 0 where there is none."""
    ngrams = Counter(
        words[start : start + n]
        for words in map(words_of, texts)
        for start in range(len(words) - n + 1)
    )
    return len(ngrams) / ngrams.total() if ngrams else 0.0
