"""What soft scores and votes do for a reward, on the nano judge, in one run.

Groups as GRPO sees them: eight captions that nano-captioner samples for one held-out picture, at a
low temperature by default, as a policy that has settled samples them. Each
is judged greedily, softly, and by votes at a temperature, and compared with its true score (that of
an exact count of wrong details).

- ``zero_variance``: share of groups whose scores all lie within 0.01 points: they teach a policy
  nothing (GRPO divides by the group's standard deviation, so less would be noise made large).
- ``rank``: mean rank correlation with the truth inside a group, over the groups in which the truth
  varies; a group without variance counts as 0. It tells whether more variance is more signal.
- ``error``: mean distance to the true score, in points of the scale 1 to 10; ``error_one_vote`` is
  that of single votes, ``error_votes`` that of the mean of several.

Run it with

    .venv/bin/python benchmarks/trust.py --groups 60 --votes 5

Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from judge import Candidate, Decoding, Judge, JudgeRequest, Verdict, load_image, load_rubric
from judge.folder import embedded_checkpoint
from judge.nano.reasoning import compare_caption
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.ranks import spearman
from judge.verdicts import Outcome
from rl_recipes.captioning.data import HeldOut, held_out
from rl_recipes.captioning.evaluate import write_captions

GROUP = 8
SAME = 0.01
"""Scores nearer to each other than this, in points, count as equal."""
RUBRIC = load_rubric("captioning")


@dataclass(frozen=True)
class Sample:
    """A caption to judge, and the score that it deserves."""

    request: JudgeRequest
    truth: float


def draw_samples(groups: int, seed: int, temperature: float) -> list[Sample]:
    """Captions of held-out pictures by nano-captioner at a temperature, ``GROUP`` a picture."""
    folder = embedded_checkpoint("nano-captioner")
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(folder)
    torch.manual_seed(seed)
    rows = [row for row in held_out(groups, seed) for _ in range(GROUP)]
    texts = write_captions(model, processor, [row.picture for row in rows], temperature=temperature)
    return [_sample(row, text) for row, text in zip(rows, texts, strict=True)]


def _sample(row: HeldOut, text: str) -> Sample:
    question = (load_image(row.picture), CAPTION_INSTRUCTION)
    low, high = RUBRIC.scale
    return Sample(
        JudgeRequest(question, (Candidate(text),), RUBRIC),
        compare_caption(row.scene, text).score(int(low), int(high)),
    )


async def judge_all(judge: Judge, samples: Sequence[Sample], decoding: Decoding) -> list[Outcome]:
    return await asyncio.gather(*(judge.judge(sample.request, decoding) for sample in samples))


def zero_variance(outcomes: Sequence[Outcome]) -> float:
    """Share of groups, of those with at least two verdicts, in which all scores are equal."""
    groups = [outcomes[start : start + GROUP] for start in range(0, len(outcomes), GROUP)]
    scores = [[each.score for each in group if isinstance(each, Verdict)] for group in groups]
    return fmean(max(group) - min(group) < SAME for group in scores if len(group) > 1)


def rank(samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> float:
    """Mean Spearman correlation with the truth inside the groups in which it varies."""
    correlations = []
    for start in range(0, len(outcomes), GROUP):
        pairs = [
            (sample.truth, outcome.score)
            for sample, outcome in zip(
                samples[start : start + GROUP], outcomes[start : start + GROUP], strict=True
            )
            if isinstance(outcome, Verdict)
        ]
        if len({truth for truth, _ in pairs}) > 1:
            correlations.append(spearman([t for t, _ in pairs], [s for _, s in pairs]) or 0.0)
    return fmean(correlations)


def error(samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> float:
    """Mean distance of the scores to the true ones, over the verdicts."""
    return fmean(
        abs(outcome.score - sample.truth)
        for sample, outcome in zip(samples, outcomes, strict=True)
        if isinstance(outcome, Verdict)
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="nano")
    parser.add_argument("--groups", type=int, default=60)
    parser.add_argument("--votes", type=int, default=5)
    parser.add_argument("--temperature", type=float, default=0.8, help="of the votes")
    parser.add_argument("--policy-temperature", type=float, default=0.4, help="of the captions")
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    samples = draw_samples(args.groups, args.seed, args.policy_temperature)
    async with Judge.from_folder(args.judge, engine="vllm", enforce_eager=True) as judge:
        greedy = await judge_all(judge, samples, judge.decoding)
        soft = await judge_all(judge, samples, replace(judge.decoding, soft=True))
        voting = replace(judge.decoding, temperature=args.temperature, votes=args.votes)
        voted = await judge_all(judge, samples, voting)
    outside = [each.soft[0].outside for each in soft if isinstance(each, Verdict) and each.soft]
    pairs = [
        (sample, vote)
        for sample, outcome in zip(samples, voted, strict=True)
        for vote in outcome.votes
    ]
    figures = {
        "zero_variance_greedy": zero_variance(greedy),
        "zero_variance_soft": zero_variance(soft),
        "zero_variance_votes": zero_variance(voted),
        "rank_greedy": rank(samples, greedy),
        "rank_soft": rank(samples, soft),
        "rank_votes": rank(samples, voted),
        "error_greedy": error(samples, greedy),
        "error_soft": error(samples, soft),
        "error_one_vote": error([sample for sample, _ in pairs], [vote for _, vote in pairs]),
        "error_votes": error(samples, voted),
        "mass_outside_mean": fmean(outside),
        "unjudged_greedy": fmean(not isinstance(each, Verdict) for each in greedy),
        "unjudged_soft": fmean(not isinstance(each, Verdict) for each in soft),
        "unjudged_votes": fmean(not isinstance(each, Verdict) for each in voted),
    }
    for name, value in figures.items():
        print(f"{name:22s} {value:.4f}")
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps({"groups": args.groups, "votes": args.votes, **rounded}))


if __name__ == "__main__":
    asyncio.run(main())
