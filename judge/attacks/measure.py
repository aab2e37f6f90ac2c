"""Judging rows plain and under attack."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from itertools import chain

from tqdm.auto import tqdm

from judge.attacks.corpus import Attack
from judge.attacks.report import AttackReport, compare
from judge.judge import Judge
from judge.types import JudgeRequest
from judge.verdicts import Outcome


async def measure(
    judge: Judge,
    requests: Sequence[JudgeRequest],
    attacks: Sequence[Attack],
    *,
    concurrency: int = 32,
) -> list[AttackReport]:
    """Judges each request as it is and under each attack that applies; a report an attack.

    Attacked requests are made as there is room for them: megabytes are not piled up.

    Raises:
        ValueError: a request with other than one candidate, or a ``concurrency`` below 1.
        EngineDeadError: as :meth:`judge.judge.Judge.judge`.
    """
    for request in requests:
        if len(request.candidates) != 1:
            raise ValueError(f"attacks are measured on 1 candidate, got {len(request.candidates)}")
    targets = [
        [place for place, request in enumerate(requests) if attack.applies_to(request)]
        for attack in attacks
    ]
    attacked = (
        attack.on(requests[place])
        for attack, places in zip(attacks, targets, strict=True)
        for place in places
    )
    outcomes: list[Outcome] = []
    total = len(requests) + sum(map(len, targets))
    with tqdm(total=total, desc="attacking", unit="row") as bar:
        judged = judge.judge_many(chain(requests, attacked), concurrency=concurrency)
        async with aclosing(judged):
            async for outcome in judged:
                outcomes.append(outcome)
                bar.update()
    plain, rest = outcomes[: len(requests)], iter(outcomes[len(requests) :])
    return [
        compare(attack, [plain[place] for place in places], [next(rest) for _ in places])
        for attack, places in zip(attacks, targets, strict=True)
    ]
