"""Reward functions for TRL's trainers (GRPO, RLOO, AsyncGRPO).

    GRPOTrainer(..., reward_funcs=JudgeReward(rubric="captioning"))
    trl grpo --reward_funcs reward.adapters.trl.judge_reward

A sample that was not judged is None, which TRL takes as "no reward" (its row gets no advantage).
Beside other reward functions TRL would count a None as 0: combine the terms in one function then.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from judge.errors import RequestError
from judge.messages import message_text
from judge.rows import picture_sources
from judge.types import Image
from reward.client import RewardClient
from reward.errors import RewardRequestError
from reward.sync_client import SyncRewardClient
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL, Pictures

Row = dict[str, Any]
Group = tuple[str, tuple[str, ...]]
"""What the completions of one prompt share: its text, and the hashes of its pictures."""
Log = Callable[[str, Any], None]
"""TRL's ``log_extra(column, values)`` or ``log_metric(name, value)``."""
C = TypeVar("C", RewardClient, SyncRewardClient)


class _Adapter:
    """What both faces share: settings, and the way from TRL's columns to rows and back."""

    def __init__(
        self,
        *,
        rubric: str,
        url: str = DEFAULT_URL,
        deadline_s: float = DEFAULT_DEADLINE_S,
        question_column: str | None = None,
        reference_column: str = "reference",
        molecule_of: Callable[[str], str] | None = None,
        name: str = "judge",
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
            name: how TRL logs this function; also the prefix of its columns and metrics, so two
                functions in one run need two names.
        """
        self.__name__ = name
        self.url = url
        self.rubric = rubric
        self.deadline_s = deadline_s
        self.question_column = question_column
        self.reference_column = reference_column
        self.molecule_of = molecule_of
        self._client: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Connections and threads stay behind; a spawned child makes its own on first use.
        return {**self.__dict__, "_client": None}

    def _connect(self, kind: type[C]) -> C:
        if self._client is None:
            self._client = kind(self.url)
        client: C = self._client
        return client

    def _rows(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> tuple[list[Row], list[Group]]:
        """One row a sample, as the client takes them, and the group that each belongs to."""
        pictures = Pictures()
        rows: list[Row] = []
        groups: list[Group] = []
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
                row["images"] = _pictures_in(prompt)
            # What is wrong with a row, the client will find and say of that sample alone.
            with suppress(RequestError):
                row["images"] = [pictures.load(source) for source in picture_sources(row)]
            if self.molecule_of is not None:
                row["molecule"] = self.molecule_of(message_text(completion, "completion"))
            rows.append(row)
            groups.append((message_text(prompt, "prompt"), _identities(row.get("images"))))
        return rows, groups

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
        if log_metric is not None and rewards:
            unjudged = sum(reward.value is None for reward in rewards)
            log_metric(f"{name}/unjudged_rate", unjudged / len(rewards))
            rate = zero_variance_rate(groups, rewards)
            if rate is not None:
                log_metric(f"{name}/zero_variance_rate", rate)
        return [reward.value for reward in rewards]


class JudgeReward(_Adapter):
    """A judge's reward as a TRL reward function. Picklable.

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
        rewards = self._connect(SyncRewardClient).rewards(
            rows, rubric=self.rubric, rationale=log_extra is not None, deadline_s=self.deadline_s
        )
        return self._report(groups, rewards, log_extra, log_metric)

    def close(self) -> None:
        """Closes the connection to the server. The function may still be called after."""
        self._connect(SyncRewardClient).close()


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
        rewards = await self._connect(RewardClient).rewards(
            rows, rubric=self.rubric, rationale=log_extra is not None, deadline_s=self.deadline_s
        )
        return self._report(groups, rewards, log_extra, log_metric)

    async def aclose(self) -> None:
        """Closes the running loop's connections. The function may still be called after."""
        await self._connect(RewardClient).aclose()


def judge_reward(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
) -> list[float | None]:
    """:class:`JudgeReward` by the environment, read at each call.

    ``FLEXREWARD_URL``, ``FLEXREWARD_RUBRIC`` and ``FLEXREWARD_DEADLINE_S`` (in seconds) stand for
    its arguments; the rubric has to be set.

    Raises:
        RewardRequestError: a variable is missing or malformed, or the server refuses the call.
    """
    return _sync_reward(**_settings_from_environment())(prompts, completions, **columns)


async def judge_reward_async(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
) -> list[float | None]:
    """:class:`AsyncJudgeReward` by the environment; see :func:`judge_reward`."""
    return await _async_reward(**_settings_from_environment())(prompts, completions, **columns)


def zero_variance_rate(groups: Sequence[Group], rewards: Sequence[Reward]) -> float | None:
    """The share of groups that teach nothing, as all their rewards are equal.

    A group is a run of samples of equal ``groups``. Counted are those with at least two judged
    samples; None where there is none.
    """
    equal = []
    for _, run in groupby(zip(groups, rewards, strict=True), key=itemgetter(0)):
        values = [reward.value for _, reward in run if reward.value is not None]
        if len(values) > 1:
            equal.append(len(set(values)) == 1)
    return sum(equal) / len(equal) if equal else None


def _settings_from_environment() -> dict[str, Any]:
    rubric = os.environ.get("FLEXREWARD_RUBRIC")
    if not rubric:
        raise RewardRequestError(
            "no rubric: set FLEXREWARD_RUBRIC to the name of one, e.g. captioning"
        )
    deadline = os.environ.get("FLEXREWARD_DEADLINE_S", str(DEFAULT_DEADLINE_S))
    try:
        deadline_s = float(deadline)
    except ValueError:
        raise RewardRequestError(
            f"FLEXREWARD_DEADLINE_S must be a number of seconds, got {deadline!r}"
        ) from None
    url = os.environ.get("FLEXREWARD_URL", DEFAULT_URL)
    return {"url": url, "rubric": rubric, "deadline_s": deadline_s}


@lru_cache(maxsize=4)
def _sync_reward(**settings: Any) -> JudgeReward:
    return JudgeReward(**settings)


@lru_cache(maxsize=4)
def _async_reward(**settings: Any) -> AsyncJudgeReward:
    return AsyncJudgeReward(**settings)


def _pictures_in(prompt: Any) -> list[Any]:
    """The pictures inside chat messages, where TRL puts them for a model that sees."""
    if isinstance(prompt, str):
        return []
    return [
        part["image"]
        for turn in prompt
        if isinstance(turn.get("content"), list)
        for part in turn["content"]
        if part.get("type") == "image" and part.get("image") is not None
    ]


def _identities(pictures: Any) -> tuple[str, ...]:
    """What tells pictures from others: their hashes, or themselves where they were not loaded."""
    if not isinstance(pictures, list):
        return (str(id(pictures)),)
    return tuple(
        picture.sha256 if isinstance(picture, Image) else str(id(picture)) for picture in pictures
    )


def _rationale(reward: Reward) -> str:
    if reward.reason is None:
        return reward.rationale
    return f"unjudged ({reward.reason}): {reward.detail}"
