"""``POST /v1/judgements``: verdicts by any protocol, as they are, for those who want no reward."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from judge import (
    Decoding,
    Image,
    JudgeFolderError,
    JudgeRequest,
    Outcome,
    ProtocolName,
    Reason,
    RequestError,
    Rubric,
    Unjudged,
    Verdict,
    request_from_row,
)
from judge.profile import MAX_VOTES, make_decoding
from judge.protocols.listwise import MAX_CANDIDATES
from reward.server.connection import Service, find_rubric, while_connected
from reward.server.judged import Judged
from reward.server.samples import UnseenError, bounded, chosen_pictures
from reward.server.schemas import (
    Deadline,
    Images,
    LabelledRequest,
    SampleId,
    Text,
    UsageOut,
    WireRequest,
)
from reward.wire import DEFAULT_DEADLINE_S, MAX_SAMPLES

router = APIRouter()


class CandidateIn(WireRequest):
    """One of the candidates of a judgement."""

    completion: Text | None = None
    molecule: Annotated[str | None, Field(description="SMILES, instead of a completion")] = None
    images: Images = Field(default_factory=list)


class ComparisonIn(WireRequest):
    """Candidates for one question, to be judged together."""

    id: SampleId | None = None
    prompt: Text | None = None
    images: Images = Field(default_factory=list)
    candidates: Annotated[list[CandidateIn], Field(min_length=1, max_length=MAX_CANDIDATES)]
    reference: str | None = None
    protocol: Annotated[
        ProtocolName | None,
        Field(description="by default by their number: pointwise, pairwise, else listwise"),
    ] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="the caller's; not read")] = None

    @property
    def pictures(self) -> list[str]:
        """All that are named, by question and candidates."""
        return [*self.images, *chain.from_iterable(each.images for each in self.candidates)]


class JudgementsIn(LabelledRequest):
    """``POST /v1/judgements``. What is left out of the decoding is as the judge has it."""

    rubric: str
    samples: Annotated[list[ComparisonIn], Field(max_length=MAX_SAMPLES)]
    votes: Annotated[int | None, Field(ge=1, le=MAX_VOTES)] = None
    vote: Literal["mean", "median", "majority"] | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    both_orders: bool | None = None
    soft: bool | None = None
    rationale: bool = False
    deadline_s: Deadline = DEFAULT_DEADLINE_S

    def decoding(self, own: Decoding) -> Decoding | None:
        """The judge's own decoding with what is asked for set over it; None if that is nothing.

        Raises:
            JudgeFolderError: what is asked for does not go together.
        """
        asked = self.model_dump(
            include={"votes", "vote", "temperature", "both_orders", "soft"}, exclude_none=True
        )
        return make_decoding({**asdict(own), **asked}) if asked else None


class JudgementOut(BaseModel):
    """One judgement; ``scores`` is null where there is a ``reason``.

    ``preference`` is the place, from 0, of the candidate with the highest score, null where several
    share it; ``choice`` the option chosen. ``flipped`` says whether the preference changed with the
    order, where both were asked. ``votes`` holds the scores of each reply, null where it could not
    be read; it is empty after one reply.
    """

    id: str | None
    protocol: ProtocolName | None
    scores: list[float] | None
    preference: int | None
    choice: str | None
    flipped: bool | None
    votes: list[list[float] | None]
    reason: Reason | None
    detail: str
    rationale: str
    cached: bool
    usage: UsageOut

    @classmethod
    def of(
        cls, judged: Judged, *, id: str | None, protocol: ProtocolName | None, rationale: bool
    ) -> JudgementOut:
        outcome = judged.outcome
        verdict = outcome if isinstance(outcome, Verdict) else None
        unjudged = outcome if isinstance(outcome, Unjudged) else None
        return cls(
            id=id,
            protocol=protocol,
            scores=_scores(outcome),
            preference=verdict.best if verdict and len(verdict.scores) > 1 else None,
            choice=verdict.choice if verdict else None,
            flipped=verdict.flipped if verdict else None,
            votes=[_scores(vote) for vote in outcome.votes],
            reason=unjudged.reason if unjudged else None,
            detail=unjudged.detail if unjudged else "",
            rationale=verdict.reasoning if verdict and rationale else "",
            cached=judged.cached,
            usage=UsageOut.of(outcome.usage),
        )


class JudgementsOut(BaseModel):
    """As many results as samples, in their order. ``judge`` and ``rubric`` are fingerprints; that
    of the judge does not tell of a decoding asked for.
    """

    judge: str
    rubric: str
    results: list[JudgementOut]


@router.post("/v1/judgements")
async def judgements(body: JudgementsIn, request: Request, service: Service) -> JudgementsOut:
    """Judges samples of one or several candidates, by any protocol that the judge has."""
    deadline = asyncio.get_running_loop().time() + body.deadline_s
    service.check(len(body.samples))
    rubric = find_rubric(body.rubric, service)
    try:
        decoding = body.decoding(service.judge.decoding)
    except JudgeFolderError as error:
        raise HTTPException(422, str(error)) from error
    names = chain.from_iterable(sample.pictures for sample in body.samples)
    images = await while_connected(
        asyncio.create_task(service.pictures.find(names, deadline)), request
    )
    most = service.config.sample_chars
    requests = [_to_request(sample, rubric, images, most) for sample in body.samples]
    judged = await while_connected(
        asyncio.create_task(service.judge_all(requests, deadline, body.labels, decoding=decoding)),
        request,
    )
    return JudgementsOut(
        judge=service.judge.fingerprint,
        rubric=rubric.fingerprint(),
        results=[
            JudgementOut.of(
                each,
                id=sample.id,
                protocol=asked.protocol if isinstance(asked, JudgeRequest) else None,
                rationale=body.rationale,
            )
            for sample, asked, each in zip(body.samples, requests, judged, strict=True)
        ],
    )


def _to_request(
    sample: ComparisonIn, rubric: Rubric, images: Mapping[str, Image | Unjudged], max_chars: int
) -> JudgeRequest | Unjudged:
    candidates = sample.candidates
    try:
        pictures = [chosen_pictures(each.images, images) for each in candidates]
        row = {
            "id": sample.id or "",
            "prompt": sample.prompt,
            "images": chosen_pictures(sample.images, images),
            "completions": _column("completion", [each.completion for each in candidates]),
            "molecules": _column("molecule", [each.molecule for each in candidates]),
            "candidate_images": pictures if any(pictures) else None,
            "reference": sample.reference,
        }
        return bounded(request_from_row({**row, "protocol": sample.protocol}, rubric), max_chars)
    except UnseenError as error:
        return error.unjudged
    except RequestError as error:
        return Unjudged(Reason.BAD_REQUEST, str(error))


def _column(name: str, values: list[Any]) -> list[Any] | None:
    """What candidates have under a name: all of them, or none."""
    given = sum(value is not None for value in values)
    if 0 < given < len(values):
        raise RequestError(f"{given} of {len(values)} candidates have a {name!r}: all, or none")
    return values if given else None


def _scores(outcome: Outcome) -> list[float] | None:
    return list(outcome.scores) if isinstance(outcome, Verdict) else None
