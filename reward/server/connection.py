"""What routes share: the service behind them, and the client before them."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from judge import Rubric
from reward.server.errors import ClientGoneError
from reward.server.service import JudgeService

T = TypeVar("T")


def _service(request: Request) -> JudgeService:
    return cast(JudgeService, request.app.state.service)


Service = Annotated[JudgeService, Depends(_service)]


def find_rubric(name: str, service: JudgeService) -> Rubric:
    """The rubric of that name.

    Raises:
        HTTPException: 422, there is none; it names those there are.
    """
    rubric = service.rubrics.get(name)
    if rubric is None:
        known = ", ".join(service.rubrics)
        raise HTTPException(422, f"unknown rubric {name[:80]!r}: expected one of {known}")
    return rubric


async def while_connected(work: asyncio.Task[T], request: Request) -> T:
    """The work's result; a client that goes away cancels it. The body has to be read by now.

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
    while (await request.receive())["type"] != "http.disconnect":
        pass
