"""What stands before the replicas: sends each part of a request to the replica it belongs to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reward.scale.exchange import Answered, Asked, ReplicaGoneError, ReplicasBusyError
from reward.scale.parts import SPLIT, WHOLE, Part, group_key, joined, key_of, split

logger = logging.getLogger(__name__)

_TRIES = 4
_PAUSE_S = 0.5
_RETRY_S = 2
_MEDIA = "/v1/media/"
_OF_ONE = frozenset({"/v1/sleep", "/v1/wake"})
_OF_THIS_HOP = frozenset({"host", "content-length", "connection", "transfer-encoding"})


class Replicas(Protocol):
    """How a replica is asked: the one that the key belongs to."""

    async def ask(self, key: str, asked: Asked) -> Answered:
        """What it answers.

        Raises:
            ReplicaGoneError, ReplicasBusyError: as these say.
        """
        ...


class Front:
    """Answers HTTP by asking the replicas.

    Uploaded pictures are kept here, too, and handed to a replica that misses them: which one a
    picture is needed at changes when replicas come and go.

    Args:
        replicas: the replicas.
        max_body_bytes: largest request body.
        media_bytes: most picture data kept.
    """

    def __init__(self, replicas: Replicas, *, max_body_bytes: int, media_bytes: int) -> None:
        self._replicas = replicas
        self._max_body_bytes = max_body_bytes
        self._pictures = _Pictures(media_bytes)

    async def answer(self, request: Request) -> Response:
        """The answer to a request."""
        path = request.url.path
        if path in _OF_ONE:
            return _refused(501, f"{path} would reach one of several replicas; scale down instead")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                return _refused(413, f"the body is over the limit of {self._max_body_bytes} bytes")
        query = f"?{request.url.query}" if request.url.query else ""
        headers = tuple(
            (name, value) for name, value in request.headers.items() if name not in _OF_THIS_HOP
        )
        asked = Asked(request.method, f"{path}{query}", headers, bytes(body))
        try:
            answered = await self._route(path, asked)
        except ReplicasBusyError as error:
            return _refused(429, str(error))
        except ReplicaGoneError as error:
            return _refused(503, f"no replica answered: {error}")
        found = dict(answered.headers)
        found.pop("content-length", None)
        return Response(answered.body, answered.status, found)

    async def _route(self, path: str, asked: Asked) -> Answered:
        if asked.method == "PUT" and path.startswith(_MEDIA):
            return await self._upload(path.removeprefix(_MEDIA), asked)
        fields = _object(asked.body) if asked.method == "POST" else {}
        if path in SPLIT and _samples(fields):
            return await self._in_parts(asked, fields)
        if path in WHOLE:
            return await self._ask(group_key(fields), asked)
        return await self._ask(_any_key(asked), asked)

    async def _upload(self, sha256: str, asked: Asked) -> Answered:
        answered = await self._ask(key_of({"images": [f"sha256:{sha256}"]}), asked)
        if answered.status == 201:
            self._pictures.put(sha256, asked.body)
        return answered

    async def _in_parts(self, asked: Asked, fields: Mapping[str, Any]) -> Answered:
        samples = fields["samples"]
        parts = split(samples)

        async def ask(part: Part) -> Answered:
            body = {**fields, "samples": [samples[place] for place in part.places]}
            sent = json.dumps(body).encode()
            return await self._ask(part.key, Asked("POST", asked.path, asked.headers, sent))

        tasks = [asyncio.create_task(ask(part)) for part in parts]
        try:
            return joined(parts, await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, key: str, asked: Asked) -> Answered:
        """The answer of the key's replica, which is given the pictures that it misses."""
        answered = await self._replica(key, asked)
        for _ in range(_TRIES):
            if answered.status != 409:
                break
            missing = answered.json().get("missing", ())
            if not missing or any(sha256 not in self._pictures for sha256 in missing):
                break  # the client has to upload them again
            for sha256 in missing:
                put = Asked("PUT", f"{_MEDIA}{sha256}", asked.headers, self._pictures.get(sha256))
                await self._replica(key, put)
            answered = await self._replica(key, asked)
        return answered

    async def _replica(self, key: str, asked: Asked) -> Answered:
        """The answer of the key's replica; when that dies, of the one that the key goes to next."""
        for left in reversed(range(_TRIES)):
            try:
                return await self._replicas.ask(key, asked)
            except ReplicaGoneError as error:
                if not left:
                    raise
                logger.warning("asking another replica: %s", error)
                await asyncio.sleep(_PAUSE_S)
        raise AssertionError("unreachable")


class _Pictures:
    """The encoded pictures used last, up to so many bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._data: OrderedDict[str, bytes] = OrderedDict()

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._data

    def get(self, sha256: str) -> bytes:
        self._data.move_to_end(sha256)
        return self._data[sha256]

    def put(self, sha256: str, data: bytes) -> None:
        self._bytes += len(data) - len(self._data.pop(sha256, b""))
        self._data[sha256] = data
        while self._bytes > self._max_bytes:
            _, oldest = self._data.popitem(last=False)
            self._bytes -= len(oldest)


def _object(body: bytes) -> dict[str, Any]:
    return Answered(200, body=body).json()


def _samples(fields: Mapping[str, Any]) -> bool:
    samples = fields.get("samples")
    return (
        isinstance(samples, list)
        and bool(samples)
        and all(isinstance(sample, dict) for sample in samples)
    )


def _any_key(asked: Asked) -> str:
    """The same request goes to the same replica; others elsewhere."""
    return key_of({"prompt": f"{asked.path} {asked.body[:4096]!r}"})


def _refused(status: int, detail: str) -> Response:
    headers = {"Retry-After": str(_RETRY_S)} if status in {429, 503} else None
    return JSONResponse({"detail": detail}, status, headers)
