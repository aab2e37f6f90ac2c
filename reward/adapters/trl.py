"""Reward functions for TRL's trainers.

    GRPOTrainer(..., reward_funcs=JudgeReward(rubric="captioning"))      RLOO, AsyncGRPO as well
    OnlineDPOTrainer(..., reward_funcs=OnlineDPOReward(rubric="captioning", unjudged=0.0))
    trl grpo --reward_funcs reward.adapters.trl.judge_reward

A sample that was not judged is None, which TRL takes as "no reward" (its row gets no advantage).
Beside other reward functions TRL would count a None as 0: combine the terms in one function then.
Online DPO counts it as 0 always, and has a function of its own here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from statistics import fmean
from typing import Any

from judge.messages import message_text
from reward.adapters.columns import (
    Group,
    group_of,
    load_pictures,
    pictures_in,
    zero_variance_rate,
)
from reward.adapters.core import (
    Asker,
    Row,
    Settings,
    Unjudged,
    number,
    read_settings,
    read_unjudged,
)
from reward.store.attempt import Labels
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL

Log = Callable[[str, Any], None]
"""TRL's ``log_extra(column, values)`` or ``log_metric(name, value)``."""


class _Adapter:
    """What all faces share: settings, and the way from TRL's columns to rows and back. Picklable,
    as AsyncGRPO calls it in a spawned child.
    """

    def __init__(
        self,
        *,
        rubric: str,
        url: str = DEFAULT_URL,
        deadline_s: float = DEFAULT_DEADLINE_S,
        question_column: str | None = None,
        reference_column: str = "reference",
        molecule_of: Callable[[str], str] | None = None,
        parts: Sequence[str] = (),
        name: str = "judge",
        run: str = "",
    ) -> None:
        """
        Args:
            rubric: name of the rubric to judge by.
            url: address of the reward server.
            deadline_s: time for one batch, in seconds; keep it well below ``ddp_timeout``, as the
                other ranks wait.
            question_column: a dataset column that the judge is shown as the question in place of
                the policy's prompt, e.g. where that holds instructions on form.
            reference_column: a dataset column with a known good answer, used where it exists.
            molecule_of: from a completion's text to the SMILES in it, to have the judge shown that
                molecule and its card in place of the text. A function of a module, for pickling.
            parts: names of a composed reward's parts that are logged, as a column and a mean each.
            name: how TRL logs this function; also the prefix of its columns and metrics, so two
                functions in one run need two names.
            run: name of the training run, which the server's verdict store keeps beside TRL's step.
        """
        self.__name__ = name
        self.question_column = question_column
        self.reference_column = reference_column
        self.molecule_of = molecule_of
        self.parts = tuple(parts)
        self.run = run
        self._asker = Asker(Settings(url, rubric, deadline_s))

    def _rows(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> tuple[list[Row], list[Group]]:
        """One row a sample, as the client takes them, and the group that each belongs to."""
        rows: list[Row] = []
        for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            row: Row = {"prompt": prompt, "completion": completion}
            for key, column in (
                ("prompt", self.question_column),
                ("reference", self.reference_column),
                ("image", "image"),
                ("images", "images"),
            ):
                if column is not None and columns.get(column) is not None:
                    row[key] = columns[column][index]
            if row.get("image") is None and row.get("images") is None:
                row["images"] = pictures_in(prompt)
            if self.molecule_of is not None:
                row["molecule"] = self.molecule_of(message_text(completion, "completion"))
            rows.append(row)
        load_pictures(rows)
        return rows, [group_of(prompt, row) for prompt, row in zip(prompts, rows, strict=True)]

    def _labels(self, columns: Mapping[str, Any]) -> Labels:
        """The run, and its step as TRL tells it."""
        return Labels(self.run, getattr(columns.get("trainer_state"), "global_step", None))

    def _report(
        self,
        groups: Sequence[Group],
        rewards: Sequence[Reward],
        log_extra: Log | None,
        log_metric: Log | None,
    ) -> list[float | None]:
        """The rewards for TRL, what is worth seeing logged."""
        name = self.__name__
        if log_extra is not None:
            log_extra(f"{name}_rationale", [_rationale(reward) for reward in rewards])
            log_extra(f"{name}_score", [reward.score for reward in rewards])
            for part in self.parts:
                log_extra(f"{name}_{part}", _part(rewards, part))
        if log_metric is not None and rewards:
            unjudged = sum(reward.value is None for reward in rewards)
            log_metric(f"{name}/unjudged_rate", unjudged / len(rewards))
            rate = zero_variance_rate(groups, rewards)
            if rate is not None:
                log_metric(f"{name}/zero_variance_rate", rate)
            for part in self.parts:
                values = [value for value in _part(rewards, part) if value is not None]
                if values:
                    log_metric(f"{name}/{part}", fmean(values))
        return [reward.value for reward in rewards]


class JudgeReward(_Adapter):
    """A judge's reward as a TRL reward function.

    GRPOTrainer(..., reward_funcs=JudgeReward(rubric="captioning"))
    """

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        log_extra: Log | None = None,
        log_metric: Log | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward a completion, in order; None where it was not judged.

        Args:
            prompts: strings or chat messages; pictures in messages count where there is no column.
            completions: strings or chat messages.
            log_extra: gets the rationale and the score of each sample.
            log_metric: gets the share of unjudged samples and, of the groups with at least two
                judged samples, the share in which all rewards are equal.
            columns: of the dataset: ``image`` (a picture a sample) or ``images`` (a list of
                pictures a sample), the reference and the question are read.

        Raises:
            RewardRequestError: the server refuses the call as a whole, e.g. an unknown rubric.
        """
        rows, groups = self._rows(prompts, completions, columns)
        rewards = self._asker.ask(
            rows, rationale=log_extra is not None, labels=self._labels(columns)
        )
        return self._report(groups, rewards, log_extra, log_metric)

    def close(self) -> None:
        """Closes the connection to the server. The function may still be called after."""
        self._asker.close()


class AsyncJudgeReward(_Adapter):
    """:class:`JudgeReward` as a coroutine function: TRL runs it beside other asynchronous ones."""

    async def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        log_extra: Log | None = None,
        log_metric: Log | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """See :meth:`JudgeReward.__call__`."""
        rows, groups = await asyncio.to_thread(self._rows, prompts, completions, columns)
        rewards = await self._asker.ask_async(
            rows, rationale=log_extra is not None, labels=self._labels(columns)
        )
        return self._report(groups, rewards, log_extra, log_metric)

    async def aclose(self) -> None:
        """Closes the running loop's connections. The function may still be called after."""
        await self._asker.aclose()


class OnlineDPOReward(_Adapter):
    """A judge's reward for ``OnlineDPOTrainer``, which prefers the better rewarded of two answers
    to each prompt, and takes None as 0.

    It has no way to leave a pair out, so an answer that was not judged is what ``unjudged`` names:
    a number (below the rubric's range the judged answer is preferred, above it the other one) or
    ``"raise"``, which ends the run.
    """

    def __init__(self, *, unjudged: Unjudged, **options: Any) -> None:
        """
        Args:
            unjudged: the reward of an answer that was not judged, or ``"raise"``.
            options: as :class:`JudgeReward` takes them.
        """
        super().__init__(**options)
        self.unjudged = read_unjudged(unjudged)

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[float]:
        """One reward a completion, in order.

        Raises:
            RewardRequestError: the server refuses the call as a whole, e.g. an unknown rubric.
            UnjudgedError: an answer was not judged, and ``unjudged`` is ``"raise"``.
        """
        rows, _ = self._rows(prompts, completions, columns)
        return [
            number(reward, self.unjudged)
            for reward in self._asker.ask(rows, labels=self._labels(columns))
        ]

    def close(self) -> None:
        """Closes the connection to the server. The function may still be called after."""
        self._asker.close()


def judge_reward(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
) -> list[float | None]:
    """:class:`JudgeReward` by the environment, read at each call.

    ``FLEXREWARD_URL``, ``FLEXREWARD_RUBRIC`` and ``FLEXREWARD_DEADLINE_S`` (in seconds) stand for
    its arguments; the rubric has to be set.

    Raises:
        RewardRequestError: a variable is missing or malformed, or the server refuses the call.
    """
    return _sync_reward(read_settings())(prompts, completions, **columns)


async def judge_reward_async(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
) -> list[float | None]:
    """:class:`AsyncJudgeReward` by the environment; see :func:`judge_reward`."""
    return await _async_reward(read_settings())(prompts, completions, **columns)


@lru_cache(maxsize=4)
def _sync_reward(settings: Settings) -> JudgeReward:
    return JudgeReward(**asdict(settings))


@lru_cache(maxsize=4)
def _async_reward(settings: Settings) -> AsyncJudgeReward:
    return AsyncJudgeReward(**asdict(settings))


def _part(rewards: Sequence[Reward], name: str) -> list[float | None]:
    return [dict(reward.parts).get(name) for reward in rewards]


def _rationale(reward: Reward) -> str:
    if reward.reason is None:
        return reward.rationale
    return f"unjudged ({reward.reason}): {reward.detail}"
