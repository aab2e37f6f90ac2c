"""Canaries: requests with known scores, judged again and again to notice a judge that drifts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any

import yaml

from judge import Judge, JudgeRequest, RequestError, Rubric, Verdict, request_from_row
from reward.errors import ServerConfigError

logger = logging.getLogger(__name__)

Scores = tuple[float, ...]
"""Of one canary: one a candidate, on its rubric's scale."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A request and, where its file says so, the ``scores`` that it has to get."""

    request: JudgeRequest
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class CanaryReport:
    """One round of canaries.

    ``drift`` is the greatest difference from a known score, in points of the scale; ``drifted``
    names the canaries beyond the tolerance and those that were ``unjudged``. ``judged_at`` is in
    seconds since 1970 (UTC).
    """

    judged_at: float
    drift: float
    drifted: tuple[str, ...]
    unjudged: tuple[str, ...]


class CanaryWatch:
    """Judges canaries greedily, past every cache, and compares their scores with known ones.

    A canary whose file says no scores is compared with those of its first round, which are kept in
    ``scores_file`` by the judge's fingerprint: another judge begins anew.

    Args:
        judge: the judge, started by its owner.
        canaries: what it is asked.
        scores_file: JSON, made where it is not there.
        tolerance: points of the scale that a score may differ by.
    """

    def __init__(
        self, judge: Judge, canaries: Sequence[Canary], scores_file: Path, tolerance: float
    ) -> None:
        self._judge = judge
        self._canaries = canaries
        self._scores_file = scores_file
        self._tolerance = tolerance
        self.report: CanaryReport | None = None
        """Of the last round; None before the first."""

    async def check(self, timeout_s: float) -> CanaryReport:
        """Judges all canaries, within so many seconds, and keeps the report.

        Raises:
            EngineDeadError: the engine died.
        """
        decoding = replace(self._judge.decoding, temperature=0.0, votes=1)
        tasks = [
            asyncio.create_task(self._judge.judge(canary.request, decoding))
            for canary in self._canaries
        ]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=timeout_s, return_when=asyncio.FIRST_EXCEPTION
            )
            outcomes = [task.result() if task in done else None for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        scores = {
            canary.request.id: outcome.scores if isinstance(outcome, Verdict) else None
            for canary, outcome in zip(self._canaries, outcomes, strict=True)
        }
        self.report = self._compare(scores)
        return self.report

    def _compare(self, scores: Mapping[str, Scores | None]) -> CanaryReport:
        known = self._known()
        first = {name: got for name, got in scores.items() if got is not None and name not in known}
        if first:
            self._remember(first)
        drifts = {
            name: max(abs(a - b) for a, b in zip(got, known.get(name, got), strict=True))
            for name, got in scores.items()
            if got is not None
        }
        unjudged = tuple(name for name, got in scores.items() if got is None)
        beyond = tuple(name for name, drift in drifts.items() if drift > self._tolerance)
        report = CanaryReport(
            time(), max(drifts.values(), default=0.0), beyond + unjudged, unjudged
        )
        if report.drifted:
            logger.warning(
                "the judge drifts: canaries %s (by %g points at most, %d unjudged)",
                ", ".join(report.drifted),
                report.drift,
                len(unjudged),
            )
        return report

    def _known(self) -> dict[str, Scores]:
        """Scores by canary: those of the first round, and over them what the canaries say."""
        kept = self._read().get(self._judge.fingerprint, {})
        return {
            canary.request.id: scores
            for canary in self._canaries
            if (scores := canary.scores or tuple(kept.get(canary.request.id, ())))
        }

    def _remember(self, scores: Mapping[str, Scores]) -> None:
        content = self._read()
        content.setdefault(self._judge.fingerprint, {}).update(
            {name: list(each) for name, each in scores.items()}
        )
        part = self._scores_file.with_name(f"{self._scores_file.name}.{os.getpid()}")
        try:
            part.write_text(json.dumps(content, indent=1), encoding="utf-8")
            part.replace(self._scores_file)
        except OSError as error:
            logger.error("the canaries' scores cannot be kept: %s", error)

    def _read(self) -> dict[str, dict[str, list[float]]]:
        try:
            content = json.loads(self._scores_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.error("the canaries' scores cannot be read: %s", error)
            return {}
        return content if isinstance(content, dict) else {}


def read_canaries(path: Path, rubrics: Mapping[str, Rubric]) -> list[Canary]:
    """The canaries in a file: a YAML list, or JSON objects, one a line (``.jsonl``).

    Each has the columns of :func:`judge.request_from_row`, with ``rubric`` the name of a rubric
    that the server has, and ``scores`` (or ``score``, a number) where they are known. Its ``id``
    defaults to its place in the file.

    Raises:
        ServerConfigError: the file cannot be read, or a canary cannot be judged.
    """
    rows: Any
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ServerConfigError(f"the canaries in {path} cannot be read: {error}") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ServerConfigError(f"{path} holds no canaries: expected a list of requests")
    canaries = []
    for place, row in enumerate(rows, 1):
        try:
            canaries.append(_canary(row, str(row.get("id") or place), rubrics))
        except (RequestError, ValueError, TypeError) as error:
            raise ServerConfigError(f"canary {place} of {path}: {error}") from error
    names = [canary.request.id for canary in canaries]
    if len(set(names)) < len(names):
        raise ServerConfigError(f"the canaries in {path} need ids of their own, got {names}")
    return canaries


def _canary(row: Mapping[str, Any], name: str, rubrics: Mapping[str, Rubric]) -> Canary:
    rubric = rubrics.get(str(row.get("rubric")))
    if rubric is None:
        raise RequestError(
            f"unknown rubric {row.get('rubric')!r}: expected one of {', '.join(rubrics)}"
        )
    request = request_from_row({**row, "id": name}, rubric)
    given = row.get("scores", row.get("score"))
    if given is None:
        return Canary(request)
    scores = tuple(map(float, given if isinstance(given, list) else [given]))
    if len(scores) != len(request.candidates):
        raise RequestError(f"{len(scores)} scores for {len(request.candidates)} candidates")
    return Canary(request, scores)
