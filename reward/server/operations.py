"""The endpoints of those who run the server: its health, its metrics, its engine's sleep."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException

from judge import EngineError
from reward.server.connection import Service
from reward.server.schemas import CanariesOut, HealthOut, InfoOut, ReadyOut

router = APIRouter()


@router.get("/health")
async def health() -> HealthOut:
    """Whether the process answers."""
    return HealthOut()


@router.get("/ready", responses={503: {"model": ReadyOut}})
async def ready(response: Response, service: Service) -> ReadyOut:
    """Whether rewards are given; 503 where they are not."""
    state = service.state
    response.status_code = 200 if state == "ready" else 503
    return ReadyOut(state=state, detail=service.detail)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(service: Service) -> Response:
    """Prometheus' text format; vLLM's own metrics too, where it runs in this process."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/v1/info")
async def info(service: Service) -> InfoOut:
    """Which judge this is, what it can be asked, and how it fares."""
    profile = service.judge.folder.profile
    report = service.canaries.report if service.canaries else None
    return InfoOut(
        name=profile.name,
        version=profile.version,
        fingerprint=service.judge.fingerprint,
        modalities=list(profile.modalities),
        rubrics=[*service.rubrics, *service.composed],
        project_version=_project_version(),
        state=service.state,
        restarts=service.supervisor.restarts,
        canaries=CanariesOut(**asdict(report)) if report else None,
    )


@router.post("/v1/sleep")
async def sleep(service: Service, level: Annotated[int, Query(ge=1, le=2)] = 1) -> ReadyOut:
    """Frees the accelerator for a trainer, once what is being judged has ended.

    Level 1 keeps the weights in main memory, level 2 drops them. 409 where the engine cannot.
    """
    try:
        await service.supervisor.sleep(level)
    except EngineError as error:
        raise HTTPException(409, str(error)) from error
    return ReadyOut(state=service.state, detail=service.detail)


@router.post("/v1/wake")
async def wake(service: Service) -> ReadyOut:
    """Takes the accelerator again. 409 where the engine cannot."""
    try:
        await service.supervisor.wake()
    except EngineError as error:
        raise HTTPException(409, str(error)) from error
    return ReadyOut(state=service.state, detail=service.detail)


def _project_version() -> str:
    try:
        return version("flexreward")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
