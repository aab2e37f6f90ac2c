"""A composed reward in a trainer: gates and terms are measured there, the server only judges.

    GRPOTrainer(..., reward_funcs=ComposedJudgeReward(load_composed("mine.yaml"), url=...))

Terms may be any functions of a module here. A reward whose terms all stand in a YAML file can be
served as well (``flex-reward serve --reward mine.yaml``): then every framework gets it by its name,
in place of a rubric's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from judge.errors import RequestError
from judge.rows import read_row
from judge.types import Candidate
from reward.adapters.core import Asker, Row, Settings
from reward.adapters.trl import AsyncJudgeReward, JudgeReward
from reward.compose import ComposedReward, Measured
from reward.store.attempt import Labels
from reward.types import Reward


class ComposedAsker(Asker):
    """Asks the server for the verdicts of what fails no gate, and composes the rewards."""

    def __init__(self, settings: Settings, composed: ComposedReward) -> None:
        super().__init__(settings)
        self.composed = composed

    def __reduce__(self) -> tuple[type[Asker], tuple[Any, ...]]:
        return type(self), (self.settings, self.composed)

    def ask(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        measured = self.measure(rows)
        judged = super().ask(_asked(rows, measured), rationale=rationale, labels=labels)
        return self.composed.combine(measured, judged)

    async def ask_async(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        measured = await asyncio.to_thread(self.measure, rows)
        asked = _asked(rows, measured)
        judged = await super().ask_async(asked, rationale=rationale, labels=labels)
        return self.composed.combine(measured, judged)

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """What is known of each row before the judge is asked."""
        return [self._measure_row(row) for row in rows]

    def _measure_row(self, row: Row) -> Measured:
        try:
            (candidate,) = read_row(row).candidates
        except RequestError:  # the client finds it, too, and leaves that sample unjudged
            return Measured(())
        return self.composed.measure(Candidate(candidate.text, candidate.molecule))


class ComposedJudgeReward(JudgeReward):
    """:class:`~reward.adapters.trl.JudgeReward` of a composed reward; its parts are logged, too.

    Args:
        composed: gates, terms and weights, and the rubric that the judge goes by.
        options: as :class:`~reward.adapters.trl.JudgeReward` takes them, the rubric aside; the
            ``name`` is that of the composed reward where it is left out.
    """

    _asker: ComposedAsker

    def __init__(self, composed: ComposedReward, **options: Any) -> None:
        super().__init__(**{**_of(composed), **options})
        self._asker = ComposedAsker(self._asker.settings, composed)

    @property
    def composed(self) -> ComposedReward:
        """Gates, terms and weights."""
        return self._asker.composed

    def measure(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[tuple[Row, Measured]]:
        """The rows as the judge would be shown them, and what is known of each before.

        Args:
            prompts, completions, columns: as TRL calls a reward function.
        """
        rows, _ = self._rows(prompts, completions, columns)
        return list(zip(rows, self._asker.measure(rows), strict=True))


class AsyncComposedJudgeReward(AsyncJudgeReward):
    """:class:`ComposedJudgeReward` as a coroutine function."""

    def __init__(self, composed: ComposedReward, **options: Any) -> None:
        super().__init__(**{**_of(composed), **options})
        self._asker = ComposedAsker(self._asker.settings, composed)


def _of(composed: ComposedReward) -> dict[str, Any]:
    """What the adapters are told of a composed reward."""
    return {"name": composed.name, "rubric": composed.rubric, "parts": composed.part_names}


def _asked(rows: Sequence[Row], measured: Sequence[Measured]) -> list[Row]:
    return [row for row, each in zip(rows, measured, strict=True) if each.gated is None]
