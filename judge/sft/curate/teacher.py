"""Asking the teacher: which reasoning leads to the scores that the reference gave?"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from judge.errors import RequestError
from judge.judge import Judge
from judge.rubrics import load_rubric
from judge.sft.curate.journal import Answers, TeacherReply, begin_journal, write_answers
from judge.sft.curate.plan import Agreement, CuratePlan
from judge.sft.curate.source import RawPair, digest
from judge.sft.samples import make_request
from judge.streaming import in_order
from judge.types import JudgeRequest
from judge.verdicts import Outcome, Unjudged

_TAGS = re.compile(r"</?\s*(?:think|answer)\b", re.IGNORECASE)


async def ask_teacher(
    judge: Judge,
    pairs: list[RawPair],
    plan: CuratePlan,
    journal: Path,
    *,
    resume: bool = False,
    concurrency: int = 64,
) -> None:
    """Writes the teacher's replies to each pair into the journal, in order.

    Each pair is asked with one seed after another, from that of the judge's decoding on, until a
    reply agrees with the reference; at temperature 0 once. The file is flushed after each pair:
    after a kill, ``resume=True`` goes on behind the last whole line.

    Raises:
        RequestError: the judge does not compare pairs, or the journal is of another run.
        EngineDeadError: the engine died; what is written stays.
    """
    if "pairwise" not in judge.folder.profile.protocols:
        raise RequestError(
            f"the teacher {judge.folder.profile.name!r} has no [protocols.pairwise]: give one that "
            "compares two answers"
        )
    seeds = 1 if judge.decoding.temperature == 0 else plan.seeds
    run: dict[str, Any] = {
        "teacher": judge.fingerprint,
        "pairs": digest(pairs),
        "rubrics": [load_rubric(each).fingerprint() for each in sorted({p.rubric for p in pairs})],
        "seeds": seeds,
        "agree": plan.agree,
    }
    done = begin_journal(journal, run, resume=resume)

    async def answer(pair: RawPair) -> tuple[RawPair, Answers]:
        return pair, await _answers(judge, pair, seeds, plan.agree)

    agreed = 0
    with (
        journal.open("a", encoding="utf-8") as out,
        tqdm(total=len(pairs), initial=done, desc="teacher", unit="pair") as bar,
    ):
        left = islice(pairs, done, None)
        async with aclosing(in_order(left, answer, concurrency)) as answered:
            async for pair, answers in answered:
                out.write(write_answers(pair.id, answers))
                out.flush()
                agreed += agrees(answers[-1], pair, plan.agree)
                bar.update()
                bar.set_postfix(agreed=agreed, refresh=False)


def agrees(reply: TeacherReply, pair: RawPair, agreement: Agreement) -> bool:
    """Whether a reply says what the reference says of the pair."""
    if reply.scores is None:
        return False
    if agreement == "exact":
        return reply.scores == pair.scores
    return _order(reply.scores) == _order(pair.scores)


def _order(scores: tuple[float, float]) -> int:
    return (scores[0] > scores[1]) - (scores[0] < scores[1])


async def _answers(judge: Judge, pair: RawPair, seeds: int, agreement: Agreement) -> Answers:
    replies: list[TeacherReply] = []
    try:
        request = make_request(
            pair.request(0, 1), pair.rubric, load_rubric(pair.rubric).scale, "pairwise"
        )
    except RequestError as error:
        return (TeacherReply(judge.decoding.seed, reason="bad_request", detail=str(error)),)
    for seed in range(judge.decoding.seed, judge.decoding.seed + seeds):
        replies.append(await _reply(judge, request, seed))
        if agrees(replies[-1], pair, agreement):
            break
    return tuple(replies)


async def _reply(judge: Judge, request: JudgeRequest, seed: int) -> TeacherReply:
    once = replace(judge.decoding, seed=seed, votes=1, both_orders=False, reasks=0, soft=False)
    return _read(await judge.judge(request, once), seed)


def _read(outcome: Outcome, seed: int) -> TeacherReply:
    if isinstance(outcome, Unjudged):
        detail = _printable(outcome.detail)
        return TeacherReply(seed, reason=outcome.reason.value, detail=detail)
    reasoning = _printable(outcome.reasoning)
    if not reasoning:
        return TeacherReply(seed, reason="no_reasoning", detail="scores without any reasoning")
    if tag := _TAGS.search(reasoning):
        return TeacherReply(seed, reason="tag_in_reasoning", detail=f"the reasoning has {tag[0]!r}")
    first, second = outcome.scores
    return TeacherReply(seed, (first, second), reasoning)


def _printable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
