"""The whole way from raw pairs to a folder of training data."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from judge.errors import RequestError
from judge.judge import Judge
from judge.profile import JudgeProfile
from judge.sft.curate.card import write_card, write_funnel
from judge.sft.curate.choose import choose
from judge.sft.curate.funnel import Funnel
from judge.sft.curate.halve import halve_some
from judge.sft.curate.hard import HardNegative, hard_negatives
from judge.sft.curate.keep import Sample, cut_samples, keep_agreeing
from judge.sft.curate.lengths import CountTokens, token_counter
from judge.sft.curate.plan import CuratePlan
from judge.sft.curate.plot import draw_lengths, require_plots
from judge.sft.curate.report import CurateReport
from judge.sft.curate.source import normalised, read_pairs
from judge.sft.curate.teacher import ask_teacher
from judge.sft.samples import (
    TRAIN,
    VALIDATION,
    JudgingRow,
    Kind,
    load_profile,
    make_row,
    write_rows,
)

JOURNAL, FUNNEL, LENGTHS = "teacher.jsonl", "funnel.json", "lengths.png"


async def curate(
    judge: Judge, plan: CuratePlan, out: Path, *, resume: bool = False, concurrency: int = 64
) -> CurateReport:
    """Makes a folder of training data: ``train.jsonl`` and ``validation.jsonl`` (rows as in
    :mod:`judge.sft.samples`), ``README.md``, ``funnel.json`` and ``lengths.png``.

    The teacher's replies stand in ``teacher.jsonl``, and with ``resume`` those of an earlier run
    are taken as they are: killed and gone on with, a run ends with the files of an undisturbed one;
    and what follows the teacher can be done again with other sizes, thresholds and shares.

    Args:
        judge: the teacher; its engine is started when it is first asked.
        plan: what to do.
        out: the folder.
        resume: go on with what ``out`` holds.
        concurrency: pairs that the teacher judges at once.

    Raises:
        RequestError: the source cannot be read, the teacher or the profile lacks a protocol, no
            row is left, or ``out`` holds another run's replies.
        JudgeFolderError: the profile does not hold together.
        MissingExtraError: a package is needed and not installed.
        EngineDeadError: the engine died; what is written stays.
    """
    if concurrency < 1:
        raise RequestError(f"concurrency has to be at least 1, got {concurrency}")
    require_plots()
    profile = _profile(plan)
    count_tokens = token_counter(plan.tokenizer)
    funnel = Funnel()
    pairs = read_pairs(plan.source, plan.columns, plan.rubric, plan.limit, funnel)
    journal = out / JOURNAL
    await ask_teacher(judge, pairs, plan, journal, resume=resume, concurrency=concurrency)
    kept = keep_agreeing(pairs, journal, plan.agree, count_tokens, funnel)
    samples = _choose(kept, plan, count_tokens, funnel)
    samples = halve_some(samples, plan.halve_share, _rng(plan, "halve"), funnel.stage("halve"))
    train, validation = _split(samples, plan.validation_share, _rng(plan, "split"))
    if not train:
        raise RequestError(f"no row is left to train on:\n{funnel.table()}")
    hard = funnel.stage("hard negatives")
    rows: dict[str, list[JudgingRow]] = {}
    for name, part in ((TRAIN, train), (VALIDATION, validation)):
        rng = _rng(plan, name)
        negatives = hard_negatives(part, plan.hard_negatives, rng, hard)
        made = [_row(each, profile) for each in part]
        made += [_hard_row(each, profile) for each in negatives]
        rng.shuffle(made)
        rows[name] = made
        write_rows(out / name, made)
    kinds = Counter(row.kind for made in rows.values() for row in made)
    counts = {kind: kinds[kind] for kind in get_args(Kind)}
    report = CurateReport(len(rows[TRAIN]), len(rows[VALIDATION]), counts, funnel)
    draw_lengths(kept, samples, plan, out / LENGTHS)
    write_funnel(out / FUNNEL, report)
    write_card(out, plan, judge, report)
    return report


def _profile(plan: CuratePlan) -> JudgeProfile:
    profile = load_profile(plan.profile)
    needed = {
        "pointwise": plan.singles > 0 or plan.hard_negatives > 0,
        "pairwise": plan.pairs > 0,
    }
    for protocol, is_needed in needed.items():
        if is_needed and protocol not in profile.protocols:
            raise RequestError(
                f"profile {profile.name!r} has no [protocols.{protocol}]: give another, or "
                f"{'--pairs 0' if protocol == 'pairwise' else '--singles 0'}"
            )
    return profile


def _rng(plan: CuratePlan, purpose: str) -> random.Random:
    return random.Random(f"curate/{plan.seed}/{purpose}")


def _choose(
    kept: Sequence[Sample], plan: CuratePlan, count_tokens: CountTokens, funnel: Funnel
) -> list[Sample]:
    """The longest as pairs, and of the rest as many as are wanted cut to singles."""
    pairs: list[Sample] = []
    if plan.pairs:
        longest = sorted(kept, key=lambda sample: -sample.tokens)
        stage = funnel.stage("choose pairs")
        pairs = choose(longest, plan.pairs, plan.pair_min_tokens, stage, diverse=plan.diversity)
    if not plan.singles:
        return pairs
    taken = {sample.pair.id for sample in pairs}
    rest = [sample for sample in kept if sample.pair.id not in taken]
    singles = cut_samples(rest, count_tokens, _rng(plan, "cut"), funnel)
    _rng(plan, "singles").shuffle(singles)
    stage = funnel.stage("choose singles")
    return pairs + choose(
        singles, plan.singles, plan.single_min_tokens, stage, diverse=plan.diversity
    )


def _split(
    samples: Sequence[Sample], share: float, rng: random.Random
) -> tuple[list[Sample], list[Sample]]:
    """The samples in two parts, the second about ``share`` of them: a question is in one alone."""
    questions = sorted({normalised(sample.pair.question) for sample in samples})
    rng.shuffle(questions)
    held_out = set(questions[: round(share * len(questions))])
    parts: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        parts[normalised(sample.pair.question) in held_out].append(sample)
    return parts


def _row(sample: Sample, profile: JudgeProfile) -> JudgingRow:
    is_pair = len(sample.places) == 2
    return make_row(
        id=f"{sample.pair.id}/{'pair' if is_pair else f'answer{sample.places[0] + 1}'}",
        kind="pair" if is_pair else "single",
        protocol="pairwise" if is_pair else "pointwise",
        rubric=sample.pair.rubric,
        scale=sample.scale,
        request=sample.pair.request(*sample.places),
        reasoning=sample.reasoning,
        scores=sample.scores,
        profile=profile,
    )


def _hard_row(negative: HardNegative, profile: JudgeProfile) -> JudgingRow:
    return make_row(
        id=f"{negative.pair.id}/hard-{negative.fault}",
        kind="hard",
        protocol="pointwise",
        rubric=negative.pair.rubric,
        scale=negative.scale,
        request=negative.request,
        reasoning=negative.reasoning,
        scores=(negative.score,),
        profile=profile,
    )
