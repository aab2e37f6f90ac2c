"""The application: its parts put together, its life, and how errors are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from judge import RUBRICS, Judge, Rubric, load_rubric
from reward.groups.cohorts import Cohorts
from reward.server import groups, judgements, operations, routes, wires
from reward.server.auth import RefuseForeignPages, RequireKey, is_loopback
from reward.server.canary import CanaryWatch, read_canaries
from reward.server.config import ServerConfig
from reward.server.errors import ClientGoneError, NotReadyError, QueueFullError
from reward.server.keys import KeyFile
from reward.server.limits import BodyLimit
from reward.server.observing import ObserveRequests
from reward.server.peers import BodyDeadline
from reward.server.pictures import MissingMediaError
from reward.server.refusals import OF_OPERATIONS, OF_QUESTIONS
from reward.server.served import load_rewards
from reward.server.service import JudgeService
from reward.server.storing import StoreCollector, open_store
from reward.server.tracing import make_tracer
from reward.store.stored_judge import StoredJudge


def create_app(
    judge: Judge,
    config: ServerConfig | None = None,
    *,
    rubrics: Mapping[str, Rubric] | None = None,
) -> FastAPI:
    """A server of one judge, which it starts in the background and closes at its end.

    Its :class:`~reward.server.service.JudgeService` is ``app.state.service``.

    Args:
        judge: the judge, not yet started.
        config: the settings; those about the judge and the address are read by others.
        rubrics: by the name that requests use; where none are given, those that ship and
            ``config.rubrics``.

    Raises:
        ServerConfigError: the canaries or the API keys cannot be read, or a host or folder of
            pictures is none.
        RequestError: a rubric or a composed reward cannot be read.
        StoreError: the verdict store cannot be opened.
        MissingExtraError: traces are asked for, and OpenTelemetry is not installed; or a composed
            reward needs a package that is not.
    """
    config = config or ServerConfig()
    rubrics = rubrics or load_rubrics(config)
    tracer = make_tracer(config.trace_endpoint)
    store = open_store(config)
    service = JudgeService(
        judge,
        rubrics,
        config,
        tracer,
        asker=StoredJudge(judge, store) if store else None,
        composed=load_rewards(config.rewards, rubrics),
        canaries=_canaries(judge, rubrics, config),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with service.running():
                yield
        finally:
            if store is not None:
                await store.close()
            tracer.close()

    if store is not None:
        service.metrics.add(StoreCollector(store))
    app = FastAPI(title="Reward server", lifespan=lifespan)
    app.state.service = service
    app.state.cohorts = Cohorts()
    for router in (routes.router, judgements.router, groups.router, wires.router):
        app.include_router(router, responses=OF_QUESTIONS)
    app.include_router(operations.router, responses=OF_OPERATIONS)
    app.add_exception_handler(MissingMediaError, _missing_media)
    app.add_exception_handler(QueueFullError, _queue_full)
    app.add_exception_handler(NotReadyError, _not_ready)
    app.add_exception_handler(ClientGoneError, _client_gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(BodyDeadline, seconds=config.client_timeout_s)
    app.add_middleware(BodyLimit, max_bytes=config.max_body_bytes)
    if config.keys_file is not None:
        app.add_middleware(RequireKey, keys=KeyFile(config.keys_file))
    elif is_loopback(config.host):
        app.add_middleware(RefuseForeignPages)
    app.add_middleware(ObserveRequests, metrics=service.metrics, tracer=tracer)
    return app


def load_rubrics(config: ServerConfig) -> dict[str, Rubric]:
    """The rubrics that ship and the user's own, by name.

    Raises:
        RequestError: one cannot be read.
    """
    return {rubric.name: rubric for rubric in map(load_rubric, (*RUBRICS, *config.rubrics))}


def _canaries(
    judge: Judge, rubrics: Mapping[str, Rubric], config: ServerConfig
) -> CanaryWatch | None:
    file = config.canary_file
    if file is None:
        return None
    scores = config.canary_scores or file.with_name(f"{file.name}.scores.json")
    return CanaryWatch(judge, read_canaries(file, rubrics), scores, config.canary_tolerance)


async def _missing_media(request: Request, error: Exception) -> JSONResponse:
    """409 with the hashes to upload before asking again."""
    assert isinstance(error, MissingMediaError)  # what it is registered for
    detail = f"{error}: upload them with PUT /v1/media/{{sha256}} and ask again"
    return JSONResponse({"detail": detail, "missing": error.hashes}, 409)


async def _queue_full(request: Request, error: Exception) -> JSONResponse:
    """429, and when to come again."""
    assert isinstance(error, QueueFullError)  # what it is registered for
    return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(error.retry_after_s)})


async def _not_ready(request: Request, error: Exception) -> JSONResponse:
    """503 with the state, and when to come again."""
    assert isinstance(error, NotReadyError)  # what it is registered for
    return JSONResponse(
        {"detail": str(error), "state": error.state},
        503,
        {"Retry-After": str(error.retry_after_s)},
    )


async def _client_gone(request: Request, error: Exception) -> Response:
    """Read by nobody; the status is the one nginx logs for this."""
    return Response(status_code=499)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """422 that says where and what, without repeating the input, which may be megabytes."""
    assert isinstance(error, RequestValidationError)  # what it is registered for
    lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:8]]
    return JSONResponse({"detail": "; ".join(lines)}, 422)
