"""What the adapters share: settings by argument or environment, the way to the server, and what a
sample without a reward becomes where a framework takes nothing but numbers.

    row → Asker → Reward → number()
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from reward.client import RewardClient, SyncRewardClient
from reward.errors import RewardRequestError, UnjudgedError
from reward.store.attempt import Labels
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL

Row = dict[str, Any]
"""A sample, with the columns of :func:`judge.request_from_row`."""
Unjudged = float | Literal["raise"]
"""What a sample that was not judged becomes where None is not taken: a finite number, or an
:class:`~reward.errors.UnjudgedError`. There is no default: whichever number stood here, some run
would be taught by the judge's failures without anybody having decided so.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to ask for rewards.

    ``url`` is the server's address, ``rubric`` the name of a rubric that it has, ``deadline_s`` the
    time for one call, in seconds, retries and uploads included.
    """

    url: str
    rubric: str
    deadline_s: float = DEFAULT_DEADLINE_S


def read_settings(
    *,
    url: str | None = None,
    rubric: str | None = None,
    deadline_s: float | None = None,
    default_deadline_s: float = DEFAULT_DEADLINE_S,
) -> Settings:
    """The arguments, and for those that are None what the environment says at this moment:
    ``FLEXREWARD_URL``, ``FLEXREWARD_RUBRIC`` (one of the two must name a rubric) and
    ``FLEXREWARD_DEADLINE_S``.

    Raises:
        RewardRequestError: no rubric, or a malformed variable.
    """
    rubric = rubric or os.environ.get("FLEXREWARD_RUBRIC")
    if not rubric:
        raise RewardRequestError(
            "no rubric: set FLEXREWARD_RUBRIC to the name of one, e.g. captioning"
        )
    return Settings(
        url=url or os.environ.get("FLEXREWARD_URL", DEFAULT_URL),
        rubric=rubric,
        deadline_s=_deadline_s(default_deadline_s) if deadline_s is None else deadline_s,
    )


def read_unjudged(given: float | str | None = None) -> Unjudged:
    """The argument, or what ``FLEXREWARD_UNJUDGED`` says at this moment where it is None.

    Raises:
        RewardRequestError: neither is set, or it is neither a finite number nor ``"raise"``.
    """
    value = os.environ.get("FLEXREWARD_UNJUDGED") if given is None else given
    if value is None or value == "":
        raise RewardRequestError(
            "this framework takes nothing but numbers: say what a sample that was not judged "
            "becomes, by unjudged= or FLEXREWARD_UNJUDGED: a number, e.g. 0.0, or 'raise'"
        )
    if value == "raise":
        return "raise"
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RewardRequestError(
            f"unjudged (FLEXREWARD_UNJUDGED) must be a finite number or 'raise', got {value!r}"
        )
    return number


def number(reward: Reward, unjudged: Unjudged) -> float:
    """The reward as a number.

    Raises:
        UnjudgedError: there is none, and ``unjudged`` is ``"raise"``.
    """
    if reward.value is not None:
        return reward.value
    if unjudged == "raise":
        raise UnjudgedError(f"a sample was not judged ({reward.reason}): {reward.detail}")
    return unjudged


class Asker:
    """The way to a reward server, blocking or asynchronous. Picklable: connections and threads stay
    behind, and a spawned child makes its own on first use.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._blocking = SyncRewardClient(settings.url)
        self._asynchronous = RewardClient(settings.url)

    def __reduce__(self) -> tuple[type[Asker], tuple[Settings]]:
        return type(self), (self.settings,)

    def ask(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        """See :meth:`reward.RewardClient.rewards`."""
        return self._blocking.rewards(
            rows,
            rubric=self.settings.rubric,
            rationale=rationale,
            labels=labels,
            deadline_s=self.settings.deadline_s,
        )

    async def ask_async(
        self, rows: Sequence[Row], *, rationale: bool = False, labels: Labels | None = None
    ) -> list[Reward]:
        """See :meth:`reward.RewardClient.rewards`."""
        return await self._asynchronous.rewards(
            rows,
            rubric=self.settings.rubric,
            rationale=rationale,
            labels=labels,
            deadline_s=self.settings.deadline_s,
        )

    def close(self) -> None:
        """Closes the connections of blocking calls. It may still be used after."""
        self._blocking.close()

    async def aclose(self) -> None:
        """Closes the running event loop's connections. It may still be used after."""
        await self._asynchronous.aclose()


@lru_cache(maxsize=8)
def asker(settings: Settings) -> Asker:
    """The asker of these settings, one a process, so that calls share connections and uploads."""
    return Asker(settings)


def _deadline_s(default: float) -> float:
    text = os.environ.get("FLEXREWARD_DEADLINE_S")
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise RewardRequestError(
            f"FLEXREWARD_DEADLINE_S must be a number of seconds, got {text!r}"
        ) from None
