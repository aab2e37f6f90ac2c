"""The application for Ray Serve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import Context
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response

from reward.scale.exchange import Answered, Asked, ReplicaGoneError, ReplicasBusyError
from reward.scale.front import Front
from reward.scale.replica import JudgeReplica, MakeJudge, judge_of
from reward.server.config import ServerConfig

_ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
_QUIET = {"enable_access_log": False}
_DEFAULTS: dict[str, Any] = {
    "num_replicas": 1,
    "logging_config": _QUIET,
    # What a replica takes at once is for its own queue to say; Ray's default is 5 requests.
    "max_ongoing_requests": 1024,
    "health_check_period_s": 2.0,
    "graceful_shutdown_timeout_s": 60.0,
}
_FRONT_REQUESTS = 10_000


class ServedReplica(JudgeReplica):
    """A replica as Ray calls it: running once its engine is loaded."""

    async def __init__(  # type: ignore[misc]  # Ray awaits it
        self, config: ServerConfig, make_judge: MakeJudge
    ) -> None:
        super().__init__(config, make_judge)
        await self.load()

    async def __del__(self) -> None:  # Ray awaits it, too, when it stops a replica
        await self.close()


class ServedFront:
    """The front as Ray calls it."""

    def __init__(self, replicas: DeploymentHandle[Any], config: ServerConfig) -> None:
        self._front = Front(
            _ByKey(replicas),
            max_body_bytes=config.max_body_bytes,
            media_bytes=config.media_bytes,
        )

    async def __call__(self, request: Request) -> Response:
        return await self._front.answer(request)


class _ByKey:
    """Replicas chosen by consistent hashing over a key."""

    def __init__(self, replicas: DeploymentHandle[Any]) -> None:
        self._replicas = replicas

    async def ask(self, key: str, asked: Asked) -> Answered:
        # Ray's router knows calls by the request that they are made for, and of several for one
        # (2.60) routes the last alone: each is made for none.
        return await asyncio.create_task(self._call(key, asked), context=Context())

    async def _call(self, key: str, asked: Asked) -> Answered:
        response = self._replicas.options(session_id=key).ask.remote(asked)
        try:
            answered = await response
        except asyncio.CancelledError:
            response.cancel()  # type: ignore[no-untyped-call]  # which is for Ray to say
            raise
        except BackPressureError as error:
            raise ReplicasBusyError(str(error)) from error
        except RayError as error:
            raise ReplicaGoneError(f"{type(error).__name__}: {error}"[:500]) from error
        assert isinstance(answered, Answered)  # what the replica returns
        return answered


def build(
    config: ServerConfig,
    deployment: Mapping[str, Any] | None = None,
    *,
    make_judge: MakeJudge = judge_of,
) -> Application:
    """The application: one front and the replicas behind it.

    Args:
        config: the settings of each replica.
        deployment: options of the replicas by Ray's own names (``num_replicas``,
            ``autoscaling_config``, ``ray_actor_options``, …).
        make_judge: makes the judge in each replica, by the settings unless told otherwise.

    Raises:
        ValueError: an option that Ray does not take.
    """
    options = {**_DEFAULTS, **(deployment or {})}
    if "autoscaling_config" in options and "num_replicas" not in (deployment or {}):
        del options["num_replicas"]
    router = {"request_router_class": _ROUTER}
    replicas = serve.deployment(request_router_config=router, **options)(ServedReplica)
    front = serve.deployment(max_ongoing_requests=_FRONT_REQUESTS, logging_config=_QUIET)(
        ServedFront
    )
    return front.bind(replicas.bind(config, make_judge), config)


def from_arguments(arguments: dict[str, Any]) -> Application:
    """As :func:`build`, for Ray's own configuration files: ``{"server": …, "deployment": …}``.

    Raises:
        ValidationError: a setting that there is not, or a value that is none.
    """
    return build(ServerConfig(**arguments.get("server", {})), arguments.get("deployment"))
