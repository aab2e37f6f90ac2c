"""Choosing between two candidates: reasoning, then one option such as ``[[A>B]]``.

The options and the points that each gives are the rubric's. The double brackets are those of
MT-bench (arXiv 2306.05685); GenAI-Bench's four-way set is ``A>B``, ``B>A``, ``A=B=Good``,
``A=B=Bad``.
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.errors import RequestError
from judge.protocols.base import Distribution, JudgingProtocol, soft_score
from judge.protocols.reply import Reply, Unreadable
from judge.types import JudgeRequest
from judge.verdicts import Reason, SoftScore


@dataclass(frozen=True, slots=True)
class Choice(JudgingProtocol):
    """Asks for one of the rubric's options; what is none of them is no verdict."""

    name = "choice"

    def check(self, request: JudgeRequest) -> None:
        if len(request.candidates) != 2:
            raise RequestError(f"choice takes 2 candidates, got {len(request.candidates)}")

    def needed(self, request: JudgeRequest) -> int:
        return 1

    def scale(self, request: JudgeRequest) -> tuple[float, float]:
        return (0.0, 1.0)

    def options(self, request: JudgeRequest) -> tuple[tuple[str, tuple[float, ...]], ...]:
        return request.rubric.options

    def read(self, reply: Reply, request: JudgeRequest) -> tuple[float, ...] | Unreadable:
        points = self._points(request)
        unknown = next((answer for answer in reply.answers if answer not in points), None)
        if unknown is not None:
            expected = ", ".join(points)
            return Unreadable(
                Reason.UNKNOWN_OPTION, f"expected one of {expected}, got {unknown[:80]!r}"
            )
        if len(set(reply.answers)) > 1:
            return Unreadable(Reason.SEVERAL_ANSWERS, f"answers disagree: {reply.answers[:4]}")
        return points[reply.answers[0]]

    def write(self, scores: tuple[float, ...], request: JudgeRequest) -> list[str]:
        return [answer for answer, points in self._points(request).items() if points == scores]

    def is_answer(self, answer: str, request: JudgeRequest) -> bool:
        return answer in self._points(request)

    def starts_answer(self, text: str, request: JudgeRequest) -> bool:
        return any(answer.startswith(text) for answer in self._points(request))

    def soften(
        self, tags: tuple[Distribution, ...], request: JudgeRequest
    ) -> tuple[SoftScore, ...] | None:
        (tag,) = tags
        points = self._points(request)
        soft = [
            soft_score([(points[answer][place], mass) for answer, mass in tag.items()])
            for place in range(2)
        ]
        return None if None in soft else tuple(each for each in soft if each)

    def _points(self, request: JudgeRequest) -> dict[str, tuple[float, ...]]:
        """The answers as they are written, and the points each gives."""
        return {f"[[{name}]]": points for name, points in request.rubric.options}
