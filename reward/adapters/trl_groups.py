"""Group rewards for TRL: the completions of a prompt are compared with each other.

    GRPOTrainer(..., reward_funcs=GroupReward(rubric="captioning"))

Each gets its win rate (or its rank) in its group in place of a score of its own, which tells those
apart that a rubric's steps do not. See :mod:`reward.groups` for how, and what it costs.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from judge.types import Image
from reward.adapters.core import Asker, Row, Settings
from reward.adapters.trl import AsyncJudgeReward, JudgeReward
from reward.client import Cohort, RewardClient
from reward.errors import RewardRequestError
from reward.groups import GroupScoring
from reward.groups.plan import COMPARISON, POINTWISE
from reward.store.attempt import Labels
from reward.types import Reward


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes a group.

    Args:
        scoring: how its members are compared.
        num_generations: the trainer's, which is the size of every group; only needed where a
            rank's batch is no multiple of it, so that groups are spread over ranks.
        start: a name that this start of the run alone has, equal on all ranks; needed with
            ``num_generations``, as the parts of a spread group meet by it.
        wait_s: how long a part of a spread group waits for the others, in seconds.

    Raises:
        RewardRequestError: ``num_generations`` below 2 or without ``start``.
    """

    scoring: GroupScoring = field(default_factory=GroupScoring)
    num_generations: int | None = None
    start: str = ""
    wait_s: float = 30.0

    def __post_init__(self) -> None:
        if self.num_generations is None:
            return
        if self.num_generations < 2:
            raise RewardRequestError(f"a group has 2 members or more, got {self.num_generations}")
        if not self.start:
            raise RewardRequestError(
                "num_generations needs a start as well: a name that all ranks have in common and "
                "no earlier start of the run had, e.g. one with the time in it"
            )


@dataclass(frozen=True, slots=True)
class GroupPart:
    """Neighbouring rows of one group, and which part of it they are where others have the rest."""

    rows: Sequence[Row]
    cohort: Cohort | None = None


def group_parts(
    rows: Sequence[Row], grouping: Grouping, *, call: int, rank: int
) -> list[GroupPart]:
    """The rows by their groups.

    Without ``num_generations`` a group is a run of rows with one question. With it, it is what TRL
    takes for one: the batches of all ranks in order, cut into equal pieces.

    Args:
        rows: a rank's batch.
        grouping: what makes a group.
        call: how many batches came before, the same on all ranks.
        rank: of this process; all have as many rows.
    """
    size = grouping.num_generations
    if size is None:
        return [GroupPart(list(run)) for _, run in groupby(rows, key=_question)]
    before = rank * len(rows)
    places = groupby(range(len(rows)), key=lambda place: (before + place) // size)
    parts = []
    for number, run in places:
        own = [rows[place] for place in run]
        cohort = Cohort(
            f"{grouping.start}/{call}/{number}", str(rank), size, wait_s=grouping.wait_s
        )
        parts.append(GroupPart(own, cohort if len(own) < size else None))
    return parts


class GroupAsker(Asker):
    """Asks for group rewards."""

    def __init__(self, settings: Settings, grouping: Grouping) -> None:
        super().__init__(settings)
        self.grouping = grouping
        self._calls = itertools.count()

    def __reduce__(self) -> tuple[type[Asker], tuple[Any, ...]]:
        return type(self), (self.settings, self.grouping)

    def ask(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        return self._blocking.run(lambda client: self._ask(client, rows, rationale, labels))

    async def ask_async(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        return await self._ask(self._asynchronous, rows, rationale, labels)

    async def _ask(
        self, client: RewardClient, rows: Sequence[Row], rationale: bool, labels: Labels | None
    ) -> list[Reward]:
        rank = int(os.environ.get("RANK", "0"))
        parts = group_parts(rows, self.grouping, call=next(self._calls), rank=rank)
        answers = await asyncio.gather(
            *(
                client.group_rewards(
                    part.rows,
                    rubric=self.settings.rubric,
                    scoring=self.grouping.scoring,
                    cohort=part.cohort,
                    rationale=rationale,
                    labels=labels,
                    deadline_s=self.settings.deadline_s,
                )
                for part in parts
            )
        )
        return [member.reward for members in answers for member in members]


class GroupReward(JudgeReward):
    """:class:`~reward.adapters.trl.JudgeReward` by comparison within each group.

    Args:
        grouping: how groups are made and compared.
        options: as :class:`~reward.adapters.trl.JudgeReward` takes them.
    """

    def __init__(self, *, grouping: Grouping | None = None, **options: Any) -> None:
        grouping = grouping or Grouping()
        super().__init__(**{"parts": _parts(grouping), **options})
        self._asker = GroupAsker(self._asker.settings, grouping)


class AsyncGroupReward(AsyncJudgeReward):
    """:class:`GroupReward` as a coroutine function."""

    def __init__(self, *, grouping: Grouping | None = None, **options: Any) -> None:
        grouping = grouping or Grouping()
        super().__init__(**{"parts": _parts(grouping), **options})
        self._asker = GroupAsker(self._asker.settings, grouping)


def _parts(grouping: Grouping) -> tuple[str, ...]:
    """What is logged beside the reward."""
    return (COMPARISON, POINTWISE) if grouping.scoring.pointwise_weight else ()


def _question(row: Row) -> tuple[Any, ...]:
    images = row.get("images")
    shown = tuple(each.sha256 if isinstance(each, Image) else id(each) for each in images or ())
    return repr(row.get("prompt")), row.get("reference"), shown
