"""The endpoints."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from judge import EngineDeadError, MediaError, Outcome, load_image
from reward.mapping import to_reward
from reward.server.samples import MissingMediaError, to_requests
from reward.server.schemas import (
    HealthOut,
    InfoOut,
    MediaOut,
    ReadyOut,
    ResultOut,
    RewardsIn,
    RewardsOut,
)
from reward.server.service import JudgeService

router = APIRouter()

_LOADING_RETRY_S = "2"


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def _service(request: Request) -> JudgeService:
    return cast(JudgeService, request.app.state.service)


Service = Annotated[JudgeService, Depends(_service)]


@router.post("/v1/rewards")
async def rewards(body: RewardsIn, request: Request, service: Service) -> RewardsOut:
    """Judges samples; as many results as samples, in their order."""
    deadline = asyncio.get_running_loop().time() + body.deadline_s
    _require_ready(service)
    rubric = service.rubrics.get(body.rubric)
    if rubric is None:
        raise HTTPException(
            422,
            f"unknown rubric {body.rubric[:80]!r}: expected one of {', '.join(service.rubrics)}",
        )
    requests = await to_requests(body.samples, rubric, service.media)
    outcomes = await _while_connected(
        asyncio.create_task(service.outcomes(requests, deadline)), request
    )
    return RewardsOut(
        judge=service.judge.fingerprint,
        rubric=rubric.fingerprint(),
        results=[
            ResultOut.of(to_reward(outcome, rubric), id=sample.id, rationale=body.rationale)
            for sample, outcome in zip(body.samples, outcomes, strict=True)
        ],
    )


@router.put("/v1/media/{sha256}", status_code=201)
async def put_media(sha256: str, request: Request, service: Service) -> MediaOut:
    """Stores a picture, the body, to be referred to as ``sha256:<hex>`` of that body."""
    data = await request.body()
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise HTTPException(422, f"the body's sha256 is {digest}, the address says {sha256[:80]!r}")
    try:
        image = await asyncio.to_thread(load_image, data)
        service.media.put(sha256, image)
    except MediaError as error:
        raise HTTPException(422, str(error)) from error
    return MediaOut(sha256=sha256, width=image.width, height=image.height)


@router.get("/health")
async def health() -> HealthOut:
    """Whether the process answers."""
    return HealthOut()


@router.get("/ready", responses={503: {"model": ReadyOut}})
async def ready(response: Response, service: Service) -> ReadyOut:
    """Whether the engine is loaded and alive; 503 where it is not."""
    response.status_code = 200 if service.state == "ready" else 503
    return ReadyOut(state=service.state, detail=service.detail)


@router.get("/v1/info")
async def info(service: Service) -> InfoOut:
    """Which judge this is, and what it can be asked."""
    profile = service.judge.folder.profile
    return InfoOut(
        name=profile.name,
        version=profile.version,
        fingerprint=service.judge.fingerprint,
        modalities=list(profile.modalities),
        rubrics=list(service.rubrics),
        project_version=_project_version(),
    )


async def missing_media(request: Request, error: Exception) -> JSONResponse:
    """409 with the hashes to upload before asking again."""
    hashes = error.hashes if isinstance(error, MissingMediaError) else []
    detail = f"{error}: upload them with PUT /v1/media/{{sha256}} and ask again"
    return JSONResponse({"detail": detail, "missing": hashes}, 409)


async def engine_dead(request: Request, error: Exception) -> JSONResponse:
    """503: nothing is judged until the server is restarted."""
    return JSONResponse({"detail": f"the engine is dead: {error}", "state": "dead"}, 503)


async def client_gone(request: Request, error: Exception) -> Response:
    """Read by nobody; the status is the one nginx logs for this."""
    return Response(status_code=499)


def _require_ready(service: JudgeService) -> None:
    if service.state == "dead":
        raise EngineDeadError(service.detail)
    if service.state == "loading":
        raise HTTPException(503, service.detail, headers={"Retry-After": _LOADING_RETRY_S})


async def _while_connected(work: asyncio.Task[list[Outcome]], request: Request) -> list[Outcome]:
    """The work's result; a client that goes away cancels it.

    Raises:
        ClientGoneError: the client went away.
    """
    gone = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientGoneError
    finally:
        gone.cancel()
        work.cancel()
        await asyncio.gather(gone, work, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    """Returns once the client has gone; the body has been read by now."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _project_version() -> str:
    try:
        return version("flexreward")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
