"""Half the scale for a part of the samples, so that a judge heeds the scale that it is given."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from judge.sft.curate.funnel import Stage
from judge.sft.curate.keep import Sample

_NUMBER = r"(?:\d+(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten)(?![\w%])"


def halve_some(
    samples: Sequence[Sample], share: float, rng: random.Random, stage: Stage
) -> list[Sample]:
    """The samples, a random ``share`` of them on half their scale.

    A score becomes ⌈score / 2⌉, and so do the scale's ends: 1–10 becomes 1–5. One that was drawn
    and cannot be halved (:func:`why_not`) keeps its scale, and the next takes its place, as long
    as there are any.
    """
    stage.entered += len(samples)
    wanted = round(share * len(samples))
    result = list(samples)
    halved = 0
    for place in rng.sample(range(len(samples)), len(samples)):
        if halved == wanted:
            break
        sample = samples[place]
        if why := why_not(sample):
            stage.noted[f"not halved: {why}"] += 1
            continue
        low, high = sample.scale
        result[place] = replace(
            sample,
            scores=tuple(half(score) for score in sample.scores),
            scale=(half(low), half(high)),
        )
        halved += 1
    stage.noted["halved"] += halved
    return result


def half(score: float) -> float:
    return math.ceil(score / 2)


def why_not(sample: Sample) -> str:
    """Why a sample keeps its scale: its ends are no whole numbers or too close, the reasoning
    states a score on it, or two different scores would become the same. Empty if none of that.
    """
    low, high = sample.scale
    if low != int(low) or high != int(high) or not half(low) < half(high) < high:
        return "the scale is too small"
    if states_score(sample.reasoning, sample.scale):
        return "the reasoning states a score"
    if len({half(score) for score in sample.scores}) < len(set(sample.scores)):
        return "the scores would become equal"
    return ""


def states_score(reasoning: str, scale: tuple[float, float]) -> bool:
    """Whether the reasoning may name a number on the scale, e.g. "8/10", "a score of seven"."""
    return _stated(*scale).search(reasoning) is not None


@cache
def _stated(low: float, high: float) -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:scor(?:es?|ed|ing)|rat(?:es?|ed|ings?)|grad(?:es?|ed|ing))\b[^.\n]{{0,40}}?\b{_NUMBER}"
        r"|\b(?:give|deserve|earn|award|assign|receive|get|merit)(?:s|ed)?\s+"
        rf"(?:(?:it|this|them|the\s+\w+)\s+)?(?:an?\s+)?{_NUMBER}(?=\s*(?:[.,;:!)]|$))"
        rf"|\b{_NUMBER}(?:\s*/\s*{high:g}|\s*out\s+of|[\s-]*(?:points?|marks?))\b"
        rf"|\b{low:g}\s*(?:to|[-–])\s*{high:g}\b",
        re.IGNORECASE | re.MULTILINE,
    )
