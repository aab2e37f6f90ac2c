"""Which samples are taken: long enough, and of many formats."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from judge.sft.curate.funnel import Stage
from judge.sft.curate.keep import Sample

Format = Literal["headings", "list", "paragraphs"]

_HEADING = re.compile(
    r"^\s*(?:#{1,6}\s+\S.*|\*\*[^*\n]+\*\*:?\s*|\[[^\]\n]+\]:?\s*)$", re.MULTILINE
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+\S", re.MULTILINE)


def choose(
    samples: Sequence[Sample], count: int, least_tokens: int, stage: Stage, *, diverse: bool
) -> list[Sample]:
    """The first ``count`` samples that are long enough.

    With ``diverse`` they are dealt out one by one over the signatures, so that no format and no
    verdict takes most of the places while others are to be had.
    """
    stage.entered += len(samples)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.tokens < least_tokens:
            stage.drop("reasoning too short", f"{sample.pair.id}: {sample.tokens} tokens")
        else:
            groups[signature(sample) if diverse else ("", "")].append(sample)
    rounds = range(max(map(len, groups.values()), default=0))
    dealt = [group[turn] for turn in rounds for group in groups.values() if turn < len(group)]
    for sample in dealt[count:]:
        stage.drop("not needed", sample.pair.id)
    return dealt[:count]


def signature(sample: Sample) -> tuple[Format, str]:
    """A sample's format, and the third of the scale that its score is in, or which of its two
    answers is better.
    """
    if len(sample.scores) == 2:
        first, second = sample.scores
        return reasoning_format(sample.reasoning), (
            "tie" if first == second else "first" if first > second else "second"
        )
    low, high = sample.scale
    height = (sample.scores[0] - low) / (high - low)
    band = "low" if height < 1 / 3 else "middle" if height < 2 / 3 else "high"
    return reasoning_format(sample.reasoning), band


def reasoning_format(reasoning: str) -> Format:
    """Whether the reasoning has headings, or at least two items of a list, or neither."""
    if _HEADING.search(reasoning):
        return "headings"
    return "list" if len(_ITEM.findall(reasoning)) > 1 else "paragraphs"
