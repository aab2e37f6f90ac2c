"""The endpoints of those who want rewards."""

from __future__ import annotations

import asyncio
import hashlib

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from judge import MediaError
from reward.server.connection import Service, while_connected
from reward.server.samples import to_requests
from reward.server.schemas import MediaOut, ResultOut, RewardsIn, RewardsOut
from reward.server.served import find_reward

router = APIRouter()

_PICTURE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post("/v1/rewards")
async def rewards(body: RewardsIn, request: Request, service: Service) -> RewardsOut:
    """Judges samples; as many results as samples, in their order."""
    deadline = asyncio.get_running_loop().time() + body.deadline_s
    service.check(len(body.samples))
    served = find_reward(body.rubric, service)
    requests = await while_connected(
        asyncio.create_task(to_requests(body.samples, served.rubric, service, deadline)), request
    )
    rewarded = await while_connected(
        asyncio.create_task(served.rewards(service, requests, deadline, body.labels)), request
    )
    return RewardsOut(
        judge=service.judge.fingerprint,
        rubric=served.fingerprint,
        results=[
            ResultOut.of(reward, id=sample.id, rationale=body.rationale, cached=cached)
            for sample, (reward, cached) in zip(body.samples, rewarded, strict=True)
        ],
    )


@router.put(
    "/v1/media/{sha256}",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": _PICTURE}},
)
async def put_media(sha256: str, request: Request, service: Service) -> MediaOut:
    """Stores a picture, the body, to be referred to as ``sha256:<hex>`` of that body."""
    pictures = service.pictures
    data, hashed = bytearray(), hashlib.sha256()
    async for chunk in request.stream():
        data += chunk
        hashed.update(chunk)
        if len(data) > pictures.limits.max_bytes:
            raise HTTPException(
                413, f"the picture is over the limit of {pictures.limits.max_bytes} bytes"
            )
    digest = hashed.hexdigest()
    if digest != sha256:
        raise HTTPException(422, f"the body's sha256 is {digest}, the address says {sha256[:80]!r}")
    try:
        image = pictures.store.get(sha256) or await pictures.check(bytes(data))
        pictures.store.put(sha256, image)
    except MediaError as error:
        raise HTTPException(422, str(error)) from error
    return MediaOut(sha256=sha256, width=image.width, height=image.height)
