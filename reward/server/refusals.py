"""How the OpenAPI document describes the answers to requests that are refused as a whole."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from reward.server.schemas import State

Responses = dict[int | str, dict[str, Any]]


class RefusalOut(BaseModel):
    """What is wrong, and what to do."""

    detail: str


class MissingMediaOut(RefusalOut):
    """The hashes of pictures to be uploaded before asking again."""

    missing: list[str]


class NotReadyOut(RefusalOut):
    """The server's state, in which nothing is judged."""

    state: State


_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}

OF_ALL: Responses = {
    401: {"model": RefusalOut, "description": "no API key, or not one of this server's"},
    403: {"model": RefusalOut, "description": "a web page of another site"},
    422: {"model": RefusalOut, "description": "something is not as it has to be; says where"},
}
OF_QUESTIONS: Responses = {
    **OF_ALL,
    400: {"model": RefusalOut, "description": "the body cannot be read"},
    408: {"model": RefusalOut, "description": "the body did not come whole in time"},
    409: {"model": MissingMediaOut, "description": "pictures have to be uploaded first"},
    413: {"model": RefusalOut, "description": "the body is too large"},
    429: {"model": RefusalOut, "description": "the queue is full", "headers": _RETRY_AFTER},
    503: {"model": NotReadyOut, "description": "not ready", "headers": _RETRY_AFTER},
}
OF_OPERATIONS: Responses = {
    **OF_ALL,
    409: {"model": RefusalOut, "description": "the engine cannot"},
    503: {"model": NotReadyOut, "description": "not ready", "headers": _RETRY_AFTER},
}
