"""The application: its settings, its life and how errors are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from judge import RUBRICS, EngineDeadError, Judge, Rubric, load_rubric
from reward.server import routes
from reward.server.limits import BodyLimit
from reward.server.media_store import MediaStore
from reward.server.samples import MissingMediaError
from reward.server.service import JudgeService

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Largest request body."""
MEDIA_BYTES = 1024 * 1024 * 1024
"""Most encoded picture data kept in memory."""


def create_app(
    judge: Judge,
    *,
    rubrics: Mapping[str, Rubric] | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    media_bytes: int = MEDIA_BYTES,
) -> FastAPI:
    """A server of one judge, which it starts in the background and closes at its end.

    Its :class:`~reward.server.service.JudgeService` is ``app.state.service``.

    Args:
        judge: the judge, not yet started.
        rubrics: by the name that requests use; those that ship where none are given.
        max_body_bytes: larger request bodies are answered with 413.
        media_bytes: most encoded picture data kept in memory; the least recently used go first.
    """
    service = JudgeService(
        judge,
        {name: load_rubric(name) for name in RUBRICS} if rubrics is None else rubrics,
        MediaStore(media_bytes),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load())
        try:
            yield
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            await judge.close()

    app = FastAPI(title="Reward server", lifespan=lifespan)
    app.state.service = service
    app.include_router(routes.router)
    app.add_exception_handler(MissingMediaError, routes.missing_media)
    app.add_exception_handler(EngineDeadError, routes.engine_dead)
    app.add_exception_handler(routes.ClientGoneError, routes.client_gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    return app


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """422 that says where and what, without repeating the input, which may be megabytes."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems[:8]]
    return JSONResponse({"detail": "; ".join(lines)}, 422)
